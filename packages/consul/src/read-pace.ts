import { type Clock, sleep } from "@rollcall/core/adapter";

/**
 * Bounds how often something is read, as a bucket of tokens: bursts of about a second's worth pass at once,
 * what goes on changing is read at the rate.
 */
export class ReadPace {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perMs = perSecond / 1_000;
    this.#burst = Math.max(2, perSecond);
    this.#clock = clock;
    this.#tokens = this.#burst;
    this.#atMs = clock.monotonicMs();
  }

  /** Resolves when the next read may start; rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<void> {
    this.#refill();
    if (this.#tokens < 1) {
      await sleep(Math.ceil((1 - this.#tokens) / this.#perMs), signal, this.#clock);
      this.#refill();
    }
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}
