/** Time as a parameter, so that leases and backoff are tested without waiting. */
export interface Clock {
  /** Monotonic time in ms: for durations. */
  monotonicMs(): number;
  /** Unix time in ms: for instants that people and other processes read. */
  unixMs(): number;
  /**
   * Runs `callback` once, `delayMs` from now, without keeping the process alive; the returned function
   * cancels it.
   */
  after(delayMs: number, callback: () => void): () => void;
}

// Longer delays overflow the 32-bit timer and would fire at once.
const maxDelayMs = 2_147_483_647;

/** The real clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), maxDelayMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`; rejects at once with the signal's reason when it is aborted. */
export function sleep(
  delayMs: number,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal.aborted) {
    reject(signal.reason);
    return promise;
  }
  const cancel = clock.after(delayMs, () => {
    signal.removeEventListener("abort", aborted);
    resolve();
  });
  function aborted(): void {
    cancel();
    reject(signal.reason);
  }
  signal.addEventListener("abort", aborted, { once: true });
  return promise;
}
