import type { Clock } from "./clock.ts";

const minuteMs = 60_000;
// What Eureka expects of a node, whatever renewal interval the node itself announces.
const expectedPerMinute = 2;
const enoughShare = 0.85;

/** Counts renewals per minute and decides, as Eureka's self-preservation does, whether leases may expire. */
export class RenewalRate {
  readonly #clock: Clock;
  #startMs: number;
  #current = 0;
  #lastMinute = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  renewed(): void {
    this.#roll();
    this.#current += 1;
  }

  /** True while enough of the `nodes` renewed in the last full minute. */
  allowsExpiry(nodes: number): boolean {
    this.#roll();
    return this.#lastMinute > nodes * expectedPerMinute * enoughShare;
  }

  #roll(): void {
    const minutes = Math.floor((this.#clock.monotonicMs() - this.#startMs) / minuteMs);
    if (minutes < 1) return;
    this.#lastMinute = minutes === 1 ? this.#current : 0;
    this.#current = 0;
    this.#startMs += minutes * minuteMs;
  }
}
