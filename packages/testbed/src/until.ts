/** How long {@link until} waits, and for what. */
export interface UntilOptions {
  /** What is waited for, for the error: "the node to appear". */
  readonly what: string;
  /** Milliseconds until it gives up. Default 30 000: generous, since a shared machine may stall. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds between two looks. Default 20. */
  readonly everyMs?: number | undefined;
}

/**
 * Waits until a condition holds and returns what it returned: the one way for a test to wait.
 *
 * A condition that throws does not hold yet. `undefined`, `null` and `false` do not hold; 0 and "" do.
 *
 * @throws Error when the deadline passes, naming `what`; its `cause` is what the condition last threw.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs = 30_000, everyMs = 20 }: UntilOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const endsAt = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) {
        return value as Exclude<T, undefined | null | false>;
      }
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= endsAt) {
      throw new Error(`waited ${deadlineMs} ms in vain for ${what}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
