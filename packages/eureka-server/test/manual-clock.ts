import type { Clock } from "../src/clock.ts";

interface Alarm {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told otherwise. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  #unixStartMs: number;
  readonly #alarms = new Set<Alarm>();

  constructor(unixStartMs = 1_764_000_000_000) {
    this.#unixStartMs = unixStartMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  unixMs(): number {
    return this.#unixStartMs + this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const alarm: Alarm = { atMs: this.#elapsedMs + delayMs, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets time pass; what falls due runs in order, at its time. */
  advance(ms: number): void {
    const endMs = this.#elapsedMs + ms;
    for (;;) {
      const due = [...this.#alarms]
        .filter((alarm) => alarm.atMs <= endMs)
        .toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#alarms.delete(due);
      this.#elapsedMs = due.atMs;
      due.callback();
    }
    this.#elapsedMs = endMs;
  }

  /** Moves the wall clock only, as an administrator or NTP would. */
  stepUnix(ms: number): void {
    this.#unixStartMs += ms;
  }

  get pending(): number {
    return this.#alarms.size;
  }
}
