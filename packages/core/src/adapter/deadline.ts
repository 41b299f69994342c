import { DiscoveryError } from "../error.ts";
import { type Clock, systemClock } from "./clock.ts";

/** Names a call in the `TIMEOUT` error its deadline produces. */
export interface DeadlineOptions {
  readonly timeoutMs: number;
  readonly registry: string;
  readonly operation: string;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Runs one call under a deadline.
 *
 * The call gets a signal that is aborted by the caller's signal and by the deadline. The returned
 * promise settles at the deadline even when the call ignores its signal.
 *
 * @throws {@link DiscoveryError} `TIMEOUT`; the signal's reason; or whatever the call throws.
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, clock = systemClock } = options;
  signal?.throwIfAborted();
  const own = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    own.abort(reason);
    ended.reject(reason);
  };
  const aborted = (): void => end(signal?.reason);
  signal?.addEventListener("abort", aborted, { once: true });
  const cancel = clock.after(options.timeoutMs, () =>
    end(
      new DiscoveryError({
        code: "TIMEOUT",
        registry: options.registry,
        operation: options.operation,
        reason: `no answer within ${options.timeoutMs} ms`,
      }),
    ),
  );
  try {
    return await Promise.race([call(own.signal), ended.promise]);
  } catch (error) {
    // A call that hears its signal rejects with our reason or with a wrapped abort: ours says more.
    throw own.signal.aborted ? own.signal.reason : error;
  } finally {
    cancel();
    signal?.removeEventListener("abort", aborted);
  }
}
