import type { HealthBoard } from "../upstream/health-board.ts";
import type { NodePool } from "../upstream/node-pool.ts";
import type { JointStandings } from "../upstream/standing.ts";
import { keyOf } from "./attempt-numbers.ts";
import type { Value } from "./request-numbers.ts";

/**
 * How many nodes of each service are ejected, warming and unhealthy: in at least one process, and for at least one of the
 * upstreams that have this service. Nothing of services for which none is turned on.
 */
export function standingValues(
  pools: Iterable<NodePool>,
  standings: JointStandings,
  health: HealthBoard,
): readonly Value[] {
  const found = new Map<string, { readonly labels: Value["labels"]; readonly ids: Set<string> }>();
  const put = (
    pool: NodePool,
    state: "ejected" | "warming" | "unhealthy",
    out: Iterable<string>,
  ): void => {
    const { registry, name: service } = pool;
    const key = `${state} ${keyOf(registry, service)}`;
    const one = found.get(key) ?? { labels: { registry, service, state }, ids: new Set() };
    for (const id of out) one.ids.add(id);
    found.set(key, one);
  };
  for (const pool of pools) {
    const { ejected, warming } = standings.of(pool.key);
    if (pool.balancing.outlierEjection !== undefined) put(pool, "ejected", ejected.keys());
    if (pool.balancing.slowStart !== undefined) put(pool, "warming", warming.keys());
    if (pool.checks !== undefined) put(pool, "unhealthy", health.of(pool.key));
  }
  return [...found.values()].map(({ labels, ids }) => ({ value: ids.size, labels }));
}
