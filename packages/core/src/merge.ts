import { createLiveValue } from "./adapter/live-value.ts";
import type { DiscoveryError } from "./error.ts";
import { foldSet, sameElements } from "./fold.ts";
import { firstKnown } from "./live-view.ts";
import { isRoutable, type ServiceNode } from "./node.ts";
import type { WithSignal } from "./registry.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ServiceView } from "./view.ts";

/**
 * One view on the same service in several registries: the union of their nodes, the first view wins
 * per id.
 *
 * It is `fresh` when all are, `pending` while all are, and otherwise `stale` with the first cause: one
 * registry that is down takes nothing away from the others. Disposing it disposes the given views.
 */
export function merge(first: ServiceView, ...others: readonly ServiceView[]): ServiceView {
  return new MergedView([first, ...others]);
}

class MergedView implements ServiceView {
  readonly #views: readonly [ServiceView, ...ServiceView[]];
  readonly #disposed = new AbortController();
  #parts: readonly Snapshot[];
  #merged: Snapshot;

  constructor(views: readonly [ServiceView, ...ServiceView[]]) {
    this.#views = views;
    this.#parts = views.map((view) => view.snapshot);
    this.#merged = combine(this.#parts, undefined);
  }

  get nodes(): readonly ServiceNode[] {
    return this.snapshot.nodes;
  }

  get snapshot(): Snapshot {
    // Looked at on read, so it is never older than its parts; the loop allocates nothing when calm.
    for (let index = 0; index < this.#views.length; index += 1) {
      if (this.#views[index]?.snapshot !== this.#parts[index]) {
        this.#parts = this.#views.map((view) => view.snapshot);
        this.#merged = combine(this.#parts, this.#merged);
        break;
      }
    }
    return this.#merged;
  }

  ready(options: WithSignal = {}): Promise<Snapshot> {
    return firstKnown(this, this.#disposed.signal, options.signal);
  }

  [Symbol.asyncIterator](): AsyncIterator<Snapshot> {
    const live = createLiveValue(this.snapshot);
    const iterators = this.#views.map((view) => view[Symbol.asyncIterator]());
    const follow = async (iterator: AsyncIterator<Snapshot>): Promise<void> => {
      while ((await iterator.next()).done !== true) {
        if (this.snapshot !== live.current) live.set(this.snapshot);
      }
    };
    void Promise.allSettled(iterators.map(follow)).then(() => live.end());
    const merged = live.iterate(this.#disposed.signal);
    return {
      next: () => merged.next(),
      return: async () => {
        for (const iterator of iterators) await iterator.return?.();
        live.end();
        return { done: true, value: undefined };
      },
    };
  }

  [Symbol.dispose](): void {
    if (this.#disposed.signal.aborted) return;
    this.#disposed.abort();
    for (const view of this.#views) view[Symbol.dispose]();
  }
}

function combine(parts: readonly Snapshot[], before: Snapshot | undefined): Snapshot {
  const main = parts.find((part) => part.state !== "pending") ?? parts[0];
  if (main === undefined) throw new TypeError("merge needs at least one view");
  const unsure = parts.filter((part) => part.state !== "fresh");
  const state =
    unsure.length === 0
      ? "fresh"
      : unsure.length === parts.length && main.state === "pending"
        ? "pending"
        : "stale";
  const chosen = new Map<string, ServiceNode>();
  const heldIds = new Set<string>();
  for (const part of parts) {
    const partHeld = new Set(part.held);
    for (const node of part.all) {
      if (chosen.has(node.id)) continue;
      chosen.set(node.id, node);
      if (partHeld.has(node)) heldIds.add(node.id);
    }
  }
  const where = { registry: main.registry, operation: `merge ${main.query.service}` };
  const { all } = foldSet(before?.all ?? [], { nodes: [...chosen.values()] }, where);
  const next: Omit<Snapshot, "sequence"> = {
    query: main.query,
    registry: parts.map((part) => part.registry).join("+"),
    origin: main.origin,
    changedAt:
      all === before?.all ? before.changedAt : Math.max(...parts.map((part) => part.changedAt)),
    state,
    // A part that never answered is unsure since it was opened.
    staleSince:
      state === "stale"
        ? Math.min(...unsure.map((part) => part.staleSince ?? part.changedAt))
        : undefined,
    cause: causeOf(unsure, state),
    nodes: kept(before?.nodes, all.filter(isRoutable)),
    all,
    held: kept(
      before?.held,
      all.filter((node) => heldIds.has(node.id)),
    ),
    rejected: kept(
      before?.rejected,
      parts.flatMap((part) => part.rejected),
    ),
  };
  const keys = Object.keys(next) as (keyof typeof next)[];
  if (before !== undefined && keys.every((key) => next[key] === before[key])) return before;
  return Object.freeze({ ...next, sequence: (before?.sequence ?? -1) + 1 });
}

/** While nothing is known, one part that may still answer is reason enough to wait. */
function causeOf(
  unsure: readonly Snapshot[],
  state: Snapshot["state"],
): DiscoveryError | undefined {
  if (state !== "pending") return unsure.find((part) => part.cause !== undefined)?.cause;
  const hopeful = unsure.find(({ cause }) => cause === undefined || cause.retryable);
  return (hopeful ?? unsure[0])?.cause;
}

function kept<T>(before: readonly T[] | undefined, now: readonly T[]): readonly T[] {
  return before !== undefined && sameElements(before, now) ? before : Object.freeze(now);
}
