import { createBackoff } from "../adapter/backoff.ts";
import { type Clock, sleep } from "../adapter/clock.ts";
import { isRoutable } from "../node.ts";
import type { Registry, ServiceQuery } from "../registry.ts";

/** Which node to look for, and where. */
export interface Looked {
  readonly registry: Registry;
  readonly query: ServiceQuery;
  readonly id: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Reads until the registry itself no longer shows the node as one for new requests. A read that fails
 * shows nothing, so it is repeated.
 *
 * @throws the signal's reason.
 */
export async function seenDraining(looked: Looked, signal: AbortSignal): Promise<void> {
  const { registry, query, id, clock, random } = looked;
  const backoff = createBackoff({ baseMs: 50, capMs: 1_000, random });
  for (;;) {
    try {
      const { nodes } = await registry.read(query, signal);
      if (!nodes.some((node) => node.id === id && isRoutable(node))) return;
    } catch {
      signal.throwIfAborted();
    }
    await sleep(backoff.failed(), signal, clock);
  }
}
