import type { Clock } from "../src/adapter/clock.ts";

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on, firing what falls due in order; work that each firing starts may finish first. */
  advance(byMs: number): Promise<void>;
  /** Timers that have neither fired nor been cancelled. */
  readonly timers: number;
  /** Delay of the timer that falls due next, from now, in ms. */
  readonly nextInMs: number | undefined;
}

const startUnixMs = 1_700_000_000_000;

export function manualClock(): ManualClock {
  let nowMs = 1_000;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  const next = () => [...timers].sort((a, b) => a.atMs - b.atMs)[0];
  return {
    monotonicMs: () => nowMs,
    unixMs: () => startUnixMs + nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(byMs) {
      const untilMs = nowMs + byMs;
      await settle();
      for (let due = next(); due !== undefined && due.atMs <= untilMs; due = next()) {
        nowMs = Math.max(nowMs, due.atMs);
        timers.delete(due);
        due.callback();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
    get timers() {
      return timers.size;
    },
    get nextInMs() {
      const due = next();
      return due === undefined ? undefined : due.atMs - nowMs;
    },
  };
}

/** Lets every promise that can go on do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
