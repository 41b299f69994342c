import {
  DiscoveryError,
  isRoutable,
  type ServiceNode,
  type ServiceQuery,
  type Snapshot,
} from "@rollcall/core";
import { createLiveValue, LiveView, type LiveValue } from "@rollcall/core/adapter";

import type { ConnectRegistry } from "../registry-connection.ts";
import { showQuery } from "../upstream/node-pool.ts";
import { withChanges } from "./node-changes.ts";
import type { ToPrimary, ViewChange } from "./protocol.ts";

interface FedService {
  readonly id: number;
  readonly live: LiveValue<Snapshot>;
  readonly views: Set<LiveView>;
  version: number;
}

const empty: readonly never[] = Object.freeze([]);

/** The registries as a worker has them: views that the primary keeps up to date. */
export class FedRegistries {
  readonly #post: (message: ToPrimary) => void;
  readonly #byId = new Map<number, FedService>();
  readonly #waiting = new Set<() => void>();
  #lastId = 0;

  constructor(post: (message: ToPrimary) => void) {
    this.#post = post;
  }

  /** @param numbers  The primary's number of each connection, by name; asked when one is made. */
  connect(numbers: () => Readonly<Record<string, number>>): ConnectRegistry {
    return (config) => {
      const registry = numbers()[config.name]!;
      const services = new Map<string, FedService>();
      return {
        config,
        service: (query) => {
          const key = showQuery(query);
          const fed = services.get(key) ?? this.#open(registry, config.name, query);
          services.set(key, fed);
          const view: LiveView = new LiveView(fed.live, () => {
            fed.views.delete(view);
            if (fed.views.size > 0) return;
            services.delete(key);
            this.#close(fed);
          });
          fed.views.add(view);
          return view;
        },
        async [Symbol.asyncDispose]() {
          for (const { views } of services.values())
            for (const view of views) view[Symbol.dispose]();
        },
      };
    };
  }

  /** Takes what the primary says of a view. */
  change(change: ViewChange): void {
    const fed = this.#byId.get(change.view);
    // Closed while this was on its way.
    if (fed === undefined) return;
    const fits = change.base === 0 || change.base === fed.version;
    if (fits) {
      fed.version = change.version;
      fed.live.set(snapshotAfter(fed.live.current, change));
      for (const look of this.#waiting) look();
    }
    this.#post({ kind: "seen", view: change.view, fits });
  }

  /** Resolves when the primary has spoken of every view, or rejects with the signal's reason. */
  async told(signal: AbortSignal): Promise<void> {
    const silent = (): boolean => [...this.#byId.values()].some(({ version }) => version === 0);
    if (!silent()) return;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!signal.aborted && silent()) return;
        this.#waiting.delete(look);
        signal.removeEventListener("abort", look);
        if (signal.aborted) reject(signal.reason as Error);
        else resolve();
      };
      this.#waiting.add(look);
      signal.addEventListener("abort", look);
      look();
    });
  }

  #open(registry: number, name: string, query: ServiceQuery): FedService {
    this.#lastId += 1;
    const live = createLiveValue<Snapshot>(
      Object.freeze({
        query: Object.freeze(query),
        registry: name,
        origin: "none",
        sequence: 0,
        changedAt: Date.now(),
        state: "pending",
        nodes: empty,
        all: empty,
        held: empty,
        rejected: empty,
      }),
    );
    const fed: FedService = { id: this.#lastId, live, views: new Set(), version: 0 };
    this.#byId.set(fed.id, fed);
    this.#post({ kind: "open", view: fed.id, registry, query });
    return fed;
  }

  #close(fed: FedService): void {
    this.#byId.delete(fed.id);
    fed.live.end();
    this.#post({ kind: "close", view: fed.id });
    for (const look of this.#waiting) look();
  }
}

/**
 * Held and rejected records are shown by the primary only: who forwards requests asks for neither, and held
 * nodes are in `all` and `nodes` as ever.
 */
function snapshotAfter(
  before: Snapshot,
  { base, cause, snapshot, ...changes }: ViewChange,
): Snapshot {
  const all = withChanges(base === 0 ? empty : before.all, changes);
  return Object.freeze({
    ...snapshot,
    query: before.query,
    registry: before.registry,
    cause: cause === undefined ? undefined : new DiscoveryError(cause),
    all,
    nodes: all === before.all ? before.nodes : routable(before.nodes, all),
    held: empty,
    rejected: empty,
  });
}

/** The list of before when it holds the same nodes: balancers see by identity that nothing changed. */
function routable(
  before: readonly ServiceNode[],
  all: readonly ServiceNode[],
): readonly ServiceNode[] {
  const nodes = all.filter(isRoutable);
  const same = nodes.length === before.length && nodes.every((node, at) => node === before[at]);
  return same ? before : Object.freeze(nodes);
}
