/** Time as a parameter, so that leases are tested without waiting. */
export interface Clock {
  /** Monotonic time in ms: leases and the delta window are measured with it. */
  monotonicMs(): number;
  /** Unix time in ms: the timestamps that clients read. */
  unixMs(): number;
  /**
   * Runs `callback` once, `delayMs` from now, without keeping the process alive; the returned function
   * cancels it.
   */
  after(delayMs: number, callback: () => void): () => void;
}

/** The real clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
