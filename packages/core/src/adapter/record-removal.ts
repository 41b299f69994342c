import { asDiscoveryError } from "../error.ts";
import type { ServiceNode } from "../node.ts";
import { createBackoff } from "./backoff.ts";
import { type Clock, sleep } from "./clock.ts";
import { type DeadlineOptions, withDeadline } from "./deadline.ts";
import type { RecordCalls } from "./record-calls.ts";

/**
 * How long a call under way may take to settle before the removal follows, in ms. Cut short at once, it
 * could reach the backend after the removal and undo it: some backends enter what they are asked to renew.
 */
export const settleMs = 500;

/** Shortest deadline of a removal, in ms: nothing repeats it later, and what it leaves stands for a whole lease. */
export const minRemovalMs = 1_000;

const maxAttempts = 3;

/** The removal of one record. */
export interface Removal {
  readonly node: ServiceNode;
  readonly remove: RecordCalls["remove"];
  /** Names the removal in errors, and bounds all its attempts together. */
  readonly bounds: DeadlineOptions & { readonly clock: Clock };
  readonly random: () => number;
}

/**
 * Removes a record for good.
 *
 * @param isDoubtful  Whether a write was never answered: it may have overtaken the removal on its way, so that
 *   is said once more.
 * @throws {@link DiscoveryError} `TIMEOUT`, or whatever the last attempt throws.
 */
export async function removeForGood(removal: Removal, isDoubtful: boolean): Promise<void> {
  await removeOnce(removal);
  if (!isDoubtful) return;
  await new Promise<void>((resolve) => removal.bounds.clock.after(settleMs, resolve));
  await removeOnce(removal);
}

function removeOnce(removal: Removal): Promise<void> {
  return withDeadline(removal.bounds, (signal) => removeWithRetry(removal, signal));
}

/** A removal is worth a second try: the first may meet a connection that went stale while idle. */
async function removeWithRetry(
  { node, remove, bounds, random }: Removal,
  signal: AbortSignal,
): Promise<void> {
  const backoff = createBackoff({ random });
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await remove(node, signal);
    } catch (thrown) {
      const { retryable } = asDiscoveryError(thrown, bounds);
      if (!retryable || attempt === maxAttempts) throw thrown;
      await sleep(backoff.failed(), signal, bounds.clock);
    }
  }
}
