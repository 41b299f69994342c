import assert from "node:assert/strict";

const lookEveryMs = 10;

/** Waits for a condition; a condition that throws does not hold yet. The only way the suite waits. */
export async function until<T>(
  what: string,
  deadlineMs: number,
  condition: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const endsAtMs = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= endsAtMs) {
      const why = cause instanceof Error ? `: ${cause.message}` : "";
      throw new assert.AssertionError({
        message: `waited ${deadlineMs} ms in vain for ${what}${why}`,
      });
    }
    await pause();
  }
}

/** Looks again and again for `durationMs`; `check` throws when what must not happen did. */
export async function throughout(
  durationMs: number,
  check: () => void | Promise<void>,
): Promise<void> {
  const endsAtMs = performance.now() + durationMs;
  do {
    await check();
    await pause();
  } while (performance.now() < endsAtMs);
  await check();
}

/** Rejects when `promise` is still pending after `deadlineMs`. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new assert.AssertionError({ message: `waited ${deadlineMs} ms in vain for ${what}` }),
      ),
    deadlineMs,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, lookEveryMs);
  });
}
