import { type Clock, sleep, systemClock } from "./clock.ts";

/** Pace of a {@link pollWatch}. */
export interface PollOptions {
  /** Nominal time from one answer to the next question, in ms. */
  readonly intervalMs: number;
  /** Each wait is uniform in interval · [1 − jitter, 1]: never longer than asked for. Default 0.1. */
  readonly jitter?: number | undefined;
  readonly signal: AbortSignal;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** One wait between two polls, in ms. */
export function jitteredInterval(intervalMs: number, jitter: number, random: () => number): number {
  return intervalMs * (1 - jitter * random());
}

/**
 * Makes a watch out of a read: asks at once and then at every interval; throws what `read` throws.
 * Core drops answers that change nothing.
 */
export async function* pollWatch<T>(
  read: (signal: AbortSignal) => Promise<T>,
  options: PollOptions,
): AsyncGenerator<T, void, void> {
  const { intervalMs, jitter = 0.1, signal, clock = systemClock, random = Math.random } = options;
  for (;;) {
    yield await read(signal);

    await sleep(jitteredInterval(intervalMs, jitter, random), signal, clock);
  }
}
