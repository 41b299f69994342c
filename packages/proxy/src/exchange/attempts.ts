import type { Attempt, AttemptOutcome, Forward, UpstreamNode } from "../contract.ts";

const noNodes: readonly UpstreamNode[] = Object.freeze([]);

/** The tries of one request: which nodes, how many more, and since when. */
export class Attempts {
  readonly #forward: Forward;
  readonly #startedAtMs: number;
  #further: number;
  #tried: UpstreamNode[] | undefined;
  #current: Attempt | undefined;
  #currentSinceMs = 0;

  /** @param startedAtMs  When the request came, on the monotonic clock. */
  constructor(forward: Forward, startedAtMs: number) {
    this.#forward = forward;
    this.#startedAtMs = startedAtMs;
    this.#further = forward.retries;
  }

  get tried(): readonly UpstreamNode[] {
    return this.#tried ?? noNodes;
  }

  /** The node being tried. */
  get node(): UpstreamNode | undefined {
    return this.#current?.node;
  }

  /** When it was chosen. */
  get sinceMs(): number {
    return this.#currentSinceMs;
  }

  /**
   * Goes on to a node that was not tried yet.
   *
   * @returns `undefined` when there is none, or no further try is allowed; `failed` when `pick` threw, which
   *   must not end the process: this may be called from a socket's event.
   */
  next(): UpstreamNode | undefined | "failed" {
    const forward = this.#forward;
    const { retryTimeoutMs } = forward;
    const nowMs = performance.now();
    if (this.#tried !== undefined) {
      if (this.#further <= 0) return undefined;
      if (retryTimeoutMs > 0 && nowMs - this.#startedAtMs > retryTimeoutMs) return undefined;
      this.#further -= 1;
    }
    let attempt: Attempt | undefined;
    try {
      attempt = forward.pick(this.tried);
    } catch {
      return "failed";
    }
    if (attempt === undefined) return undefined;
    (this.#tried ??= []).push(attempt.node);
    this.#current = attempt;
    this.#currentSinceMs = nowMs;
    return attempt.node;
  }

  /** How the current try ended; told once. */
  over(outcome: AttemptOutcome, nowMs: number = performance.now()): void {
    const attempt = this.#current;
    this.#current = undefined;
    attempt?.done(outcome, nowMs - this.#currentSinceMs);
  }
}
