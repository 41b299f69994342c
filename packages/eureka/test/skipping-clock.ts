import { type Clock, systemClock } from "@rollcall/core/adapter";

/** A clock that does not wait and stands still by itself. */
export interface SkippingClock extends Clock {
  /** Lets time pass at once. */
  readonly skip: (ms: number) => void;
}

/**
 * Every wait is over at once, and just the time it asked for has passed; but deadlines, which a test must
 * not run into, are waited for.
 *
 * @param deadlineMs  The one length of wait that is a deadline.
 */
export function skippingClock(deadlineMs: number): SkippingClock {
  let nowMs = 0;
  return {
    monotonicMs: () => nowMs,
    unixMs: () => 1_764_000_000_000 + nowMs,
    after(delayMs, callback) {
      if (delayMs === deadlineMs) return systemClock.after(delayMs, callback);
      return systemClock.after(0, () => {
        nowMs += Math.max(0, delayMs);
        callback();
      });
    },
    skip(ms) {
      nowMs += ms;
    },
  };
}
