import { createLiveValue } from "./adapter/live-value.ts";
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
    void Promise.all(iterators.map(follow)).finally(() => live.end());
    const merged = live.iterate();
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
  const unsure = parts.find((part) => part.state !== "fresh");
  const state = parts.every((part) => part.state === "pending")
    ? "pending"
    : unsure === undefined
      ? "fresh"
      : "stale";
  const seen = new Set<string>();
  const union = parts
    .flatMap((part) => part.all)
    .filter((node) => !seen.has(node.id) && seen.add(node.id));
  const where = { registry: main.registry, operation: `merge ${main.query.service}` };
  const { all } = foldSet(before?.all ?? [], { nodes: union }, where);
  const routable = all.filter(isRoutable);
  const stale = parts.flatMap((part) => part.staleSince ?? []);
  return Object.freeze({
    query: main.query,
    registry: parts.map((part) => part.registry).join("+"),
    origin: main.origin,
    sequence: (before?.sequence ?? -1) + 1,
    changedAt:
      all === before?.all ? before.changedAt : Math.max(...parts.map((part) => part.changedAt)),
    state,
    staleSince: state === "stale" && stale.length > 0 ? Math.min(...stale) : undefined,
    cause: unsure?.cause,
    nodes:
      before !== undefined && sameElements(before.nodes, routable)
        ? before.nodes
        : Object.freeze(routable),
    all,
    held: Object.freeze(all.filter((node) => parts.some((part) => part.held.includes(node)))),
    rejected: Object.freeze(parts.flatMap((part) => part.rejected)),
  });
}
