import type { JointStandings } from "../upstream/standing.ts";
import type { NodePool } from "../upstream/node-pool.ts";
import { keyOf } from "./attempt-numbers.ts";
import type { Value } from "./request-numbers.ts";

/**
 * How many nodes of each service are ejected and warming: in at least one process, and for at least one of the
 * upstreams that have this service. Nothing of services for which neither is turned on.
 */
export function standingValues(
  pools: Iterable<NodePool>,
  standings: JointStandings,
): readonly Value[] {
  const found = new Map<string, { readonly labels: Value["labels"]; readonly ids: Set<string> }>();
  const put = (pool: NodePool, state: "ejected" | "warming"): void => {
    const { registry, name: service } = pool;
    const key = `${state} ${keyOf(registry, service)}`;
    const one = found.get(key) ?? { labels: { registry, service, state }, ids: new Set() };
    for (const id of standings.of(pool.key)[state].keys()) one.ids.add(id);
    found.set(key, one);
  };
  for (const pool of pools) {
    if (pool.balancing.outlierEjection !== undefined) put(pool, "ejected");
    if (pool.balancing.slowStart !== undefined) put(pool, "warming");
  }
  return [...found.values()].map(({ labels, ids }) => ({ value: ids.size, labels }));
}
