import type { ServiceView, Snapshot } from "@rollcall/core";

import { changesBetween } from "./node-changes.ts";
import type { ViewChange } from "./protocol.ts";

interface OpenFeed {
  readonly view: ServiceView;
  /** Lets the next change go; `fits`: whether the last one did. */
  seen: (fits: boolean) => void;
}

/**
 * Tells one worker what its views show.
 *
 * One change of each view is on its way at a time, and the next one leads from there to whatever is newest
 * then: a slow worker skips what was superseded, and what waits for it is bounded by one set per view.
 */
export class Feed {
  readonly #post: (change: ViewChange) => void;
  readonly #open = new Map<number, OpenFeed>();

  constructor(post: (change: ViewChange) => void) {
    this.#post = post;
  }

  /** @param id  The worker's number for it. */
  open(id: number, view: ServiceView): void {
    this.close(id);
    const feed: OpenFeed = { view, seen: () => undefined };
    this.#open.set(id, feed);
    void this.#follow(id, feed);
  }

  seen(id: number, fits: boolean): void {
    this.#open.get(id)?.seen(fits);
  }

  close(id: number): void {
    const feed = this.#open.get(id);
    if (feed === undefined) return;
    this.#open.delete(id);
    feed.view[Symbol.dispose]();
    feed.seen(true);
  }

  /** The worker is gone. */
  end(): void {
    for (const id of this.#open.keys()) this.close(id);
  }

  async #follow(id: number, feed: OpenFeed): Promise<void> {
    let known: Snapshot | undefined;
    let version = 0;
    for await (const newest of feed.view) {
      for (let snapshot: Snapshot | undefined = newest; snapshot !== undefined;) {
        const seen = new Promise<boolean>((resolve) => (feed.seen = resolve));
        this.#post(change(id, version, known, snapshot));
        version += 1;
        known = snapshot;
        if (await seen) break;
        // It does not build on what the worker has: everything again.
        known = undefined;
        snapshot = this.#open.get(id) === feed ? feed.view.snapshot : undefined;
      }
    }
  }
}

function change(
  view: number,
  base: number,
  known: Snapshot | undefined,
  { origin, sequence, changedAt, state, staleSince, cause, all }: Snapshot,
): ViewChange {
  return {
    kind: "view",
    view,
    version: base + 1,
    base: known === undefined ? 0 : base,
    snapshot: { origin, sequence, changedAt, state, staleSince },
    cause:
      cause === undefined
        ? undefined
        : {
            code: cause.code,
            registry: cause.registry,
            operation: cause.operation,
            reason: cause.reason,
          },
    ...changesBetween(known?.all ?? [], all),
  };
}
