import type { NodePool } from "../upstream/node-pool.ts";
import type { Value } from "./request-numbers.ts";

/** Nodes of each service by state: `routable`, `all`, `held`, and `denied` by the address rules. */
export function nodeValues(pools: Iterable<NodePool>): readonly Value[] {
  return services(pools).flatMap(({ pool, labels }) => {
    const { nodes, all, held } = pool.view.snapshot;
    return [
      { value: nodes.length, labels: { ...labels, state: "routable" } },
      { value: all.length, labels: { ...labels, state: "all" } },
      { value: held.length, labels: { ...labels, state: "held" } },
      { value: pool.denied, labels: { ...labels, state: "denied" } },
    ];
  });
}

/** 1 for the state that each service is in, 0 for the others. */
export function stateValues(pools: Iterable<NodePool>): readonly Value[] {
  return services(pools).flatMap(({ pool, labels }) =>
    ["pending", "fresh", "stale"].map((state) => ({
      value: pool.view.snapshot.state === state ? 1 : 0,
      labels: { ...labels, state },
    })),
  );
}

/** For how long, in seconds, the registry has not confirmed the nodes of each service; 0 while it does. */
export function staleValues(pools: Iterable<NodePool>): readonly Value[] {
  const nowMs = Date.now();
  return services(pools).map(({ pool, labels }) => {
    const { staleSince = nowMs } = pool.view.snapshot;
    return { value: Math.max(0, nowMs - staleSince) / 1000, labels };
  });
}

interface Service {
  readonly pool: NodePool;
  readonly labels: Value["labels"];
}

/** One for each service of a registry: upstreams that share one see the same of it. */
function services(pools: Iterable<NodePool>): readonly Service[] {
  const found = new Map<string, Service>();
  for (const pool of pools) {
    if (pool.source.kind === "fixed") continue;
    const { registry, name: service } = pool;
    found.set(`${registry} ${service}`, { pool, labels: { registry, service } });
  }
  return [...found.values()];
}
