import { holdProcess } from "./live-value.ts";

/**
 * Turns callbacks into a loop: `set` from a callback, `for await` in a `watch`.
 *
 * One slot, newest wins, one reader. {@link Latch.fail} makes the loop throw after the value that is
 * still in the slot; {@link Latch.end} makes it finish.
 */
export interface Latch<T> extends AsyncIterable<T> {
  set(value: T): void;
  fail(error: unknown): void;
  end(): void;
}

/**
 * @param signal  Ends the loop by throwing its reason.
 * @see Latch
 */
export function latch<T>(signal?: AbortSignal): Latch<T> {
  let slot: { readonly value: T } | undefined;
  let outcome: { readonly error?: unknown; readonly failed: boolean } | undefined;
  let wake: (() => void) | undefined;
  const notify = (): void => wake?.();

  async function* loop(): AsyncGenerator<T, void, void> {
    signal?.addEventListener("abort", notify, { once: true });
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (slot !== undefined) {
          const { value } = slot;
          slot = undefined;
          yield value;
        } else if (outcome !== undefined) {
          if (outcome.failed) throw outcome.error;
          return;
        } else {
          const release = holdProcess();

          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = undefined;
          release();
        }
      }
    } finally {
      signal?.removeEventListener("abort", notify);
    }
  }

  return {
    set(value) {
      if (outcome !== undefined) return;
      slot = { value };
      notify();
    },
    fail(error) {
      outcome ??= { error, failed: true };
      notify();
    },
    end() {
      outcome ??= { failed: false };
      notify();
    },
    [Symbol.asyncIterator]: loop,
  };
}
