/** Bounds of a {@link Backoff}. */
export interface BackoffOptions {
  /** Upper bound of the first wait, in ms. Default 100. */
  readonly baseMs?: number | undefined;
  /** Upper bound of every wait, in ms. Default 30 000. */
  readonly capMs?: number | undefined;
  /** How long things must have gone well before the bound falls back to `baseMs`. Default 5 000. */
  readonly healthyMs?: number | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** How long to wait before the next attempt. */
export interface Backoff {
  /**
   * Counts one more failure and returns the wait before the next attempt, in ms.
   *
   * @param healthyForMs  How long the attempt that just failed had been working. A connection that
   *   stands for a moment and breaks again is not health.
   */
  failed(healthyForMs?: number): number;
  /** Starts over, for callers whose single success is health enough. */
  reset(): void;
  /** Failures since the last healthy period. */
  readonly failures: number;
}

/**
 * Exponential backoff with full jitter: uniform in [0, min(cap, base · 2ⁿ)).
 *
 * Full jitter keeps many clients of one registry apart after it returns.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { baseMs = 100, capMs = 30_000, healthyMs = 5_000, random = Math.random } = options;
  let failures = 0;
  return {
    failed(healthyForMs = 0) {
      if (healthyForMs >= healthyMs) failures = 0;
      const bound = Math.min(capMs, baseMs * 2 ** Math.min(failures, 30));
      failures += 1;
      return random() * bound;
    },
    reset() {
      failures = 0;
    },
    get failures() {
      return failures;
    },
  };
}
