import { holdProcess, type LiveValue } from "./adapter/live-value.ts";
import { orAborted } from "./adapter/or-aborted.ts";
import { DiscoveryError } from "./error.ts";
import type { ServiceNode } from "./node.ts";
import type { WithSignal } from "./registry.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ServiceView } from "./view.ts";

/** A view on a live snapshot that somebody else keeps up to date. */
export class LiveView implements ServiceView {
  readonly #live: LiveValue<Snapshot>;
  readonly #disposed = new AbortController();
  readonly #onDisposed: () => void;

  constructor(live: LiveValue<Snapshot>, onDisposed: () => void) {
    this.#live = live;
    this.#onDisposed = onDisposed;
  }

  get nodes(): readonly ServiceNode[] {
    return this.#live.current.nodes;
  }

  get snapshot(): Snapshot {
    return this.#live.current;
  }

  ready(options: WithSignal = {}): Promise<Snapshot> {
    return firstKnown(this, this.#disposed.signal, options.signal);
  }

  [Symbol.asyncIterator](): AsyncIterator<Snapshot> {
    return this.#live.iterate(this.#disposed.signal);
  }

  [Symbol.dispose](): void {
    if (this.#disposed.signal.aborted) return;
    this.#disposed.abort();
    this.#onDisposed();
  }
}

/** Waits for the first snapshot of `view` that is not pending; see {@link ServiceView.ready}. */
export async function firstKnown(
  view: AsyncIterable<Snapshot> & { readonly snapshot: Snapshot },
  disposed: AbortSignal,
  signal: AbortSignal | undefined,
): Promise<Snapshot> {
  signal?.throwIfAborted();
  const release = holdProcess();
  const iterator = view[Symbol.asyncIterator]();
  try {
    for (;;) {
      if (disposed.aborted) throw closed(view.snapshot);
      const next = await orAborted(iterator.next(), signal);
      if (next.done === true) throw closed(view.snapshot);
      const { state, cause } = next.value;
      if (state !== "pending") return next.value;
      if (cause !== undefined && !cause.retryable) throw cause;
    }
  } finally {
    await iterator.return?.();
    release();
  }
}

function closed(snapshot: Snapshot): DiscoveryError {
  return new DiscoveryError({
    code: "CLOSED",
    registry: snapshot.registry,
    operation: `await ${snapshot.query.service}`,
    reason: "the view is disposed",
  });
}
