/** What a new index says about the answer it came with. */
export type IndexVerdict =
  /** Something may have changed. */
  | "advanced"
  /** Nothing has. */
  | "same"
  /** The server lost its data, or another one answered: everything must be read anew. */
  | "back"
  /** There is none to block on. */
  | "none";

// What is longer is no 64-bit number.
const digits = /^\d{1,20}$/;

/**
 * The place in Consul's history up to which a blocking query has been answered.
 *
 * Indexes are 64-bit numbers that only grow while server and data stay the same. Zero, which would be
 * answered at once again and again, counts as none.
 *
 * @see https://developer.hashicorp.com/consul/api-docs/features/blocking
 */
export class BlockingIndex {
  #value: bigint | undefined;

  /** Undefined while there is nothing to block on. */
  get value(): bigint | undefined {
    return this.#value;
  }

  /** Takes `X-Consul-Index` of the newest answer. After `back` and `none` there is nothing to block on. */
  accept(header: string | undefined): IndexVerdict {
    const before = this.#value;
    const parsed = header !== undefined && digits.test(header) ? BigInt(header) : 0n;
    this.#value = parsed === 0n ? undefined : parsed;
    if (this.#value === undefined) return "none";
    if (before !== undefined && this.#value < before) {
      this.#value = undefined;
      return "back";
    }
    return this.#value === before ? "same" : "advanced";
  }

  /** Forgets the place: the next answer is the first of a new history. */
  reset(): void {
    this.#value = undefined;
  }
}
