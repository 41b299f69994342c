/**
 * Bytes of a client that could not be used yet. Grows as needed, and can tell cheaply whether a head may be
 * whole, so that one that comes byte by byte is not read anew each time.
 */
export class HeadBuffer {
  readonly #maxHeadBytes: number;
  #bytes: Buffer | undefined;
  #length = 0;
  /** Up to here no end of a head was found. */
  #searched = 0;

  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
  }

  get length(): number {
    return this.#length;
  }

  add(bytes: Buffer, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (this.#bytes === undefined || needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * (this.#bytes?.length ?? 0), 512));
      this.#bytes?.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.#length, from, to);
    this.#length = needed;
  }

  /** Whether the end of a head is among the bytes, or so many that it has to be refused. */
  get mayBeWhole(): boolean {
    if (this.#bytes === undefined) return false;
    if (this.#length >= this.#maxHeadBytes) return true;
    const bytes = this.#bytes;
    for (let at = Math.max(2, this.#searched); at < this.#length; at += 1) {
      // An empty line, whether or not its end is written as it should be.
      if (bytes[at] !== 0x0a) continue;
      if (bytes[at - 1] === 0x0a || (bytes[at - 1] === 0x0d && bytes[at - 2] === 0x0a)) return true;
    }
    this.#searched = this.#length;
    return false;
  }

  /** Everything; nothing is left. */
  take(): Buffer {
    const bytes = this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#bytes = undefined;
    this.#length = 0;
    this.#searched = 0;
  }
}
