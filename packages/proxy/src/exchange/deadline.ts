import { monotonicMs } from "../clock.ts";

/** When something must have happened, on the monotonic clock; never later than the end of it all. */
export class Deadline {
  readonly #endMs: number;
  atMs: number = Infinity;

  /**
   * @param startedAtMs  When the exchange began.
   * @param totalMs  How long all of it may take; 0: no bound.
   */
  constructor(startedAtMs: number, totalMs: number) {
    this.#endMs = totalMs > 0 ? startedAtMs + totalMs : Infinity;
    this.atMs = this.#endMs;
  }

  /** The next thing must happen within this time. */
  within(timeoutMs: number, nowMs: number = monotonicMs()): void {
    this.atMs = Math.min(nowMs + timeoutMs, this.#endMs);
  }

  /** As {@link within}, whatever all of it takes; 0: no bound. */
  alone(timeoutMs: number): void {
    this.atMs = timeoutMs > 0 ? monotonicMs() + timeoutMs : Infinity;
  }

  /** Nothing need happen any more. */
  lift(): void {
    this.atMs = Infinity;
  }

  /** Whether all of it has taken too long. */
  isOver(nowMs: number): boolean {
    return nowMs >= this.#endMs;
  }
}
