import { createLiveValue } from "./adapter/live-value.ts";
import { foldSet } from "./fold.ts";
import { LiveView } from "./live-view.ts";
import { defineNode, isRoutable, type NodeInput } from "./node.ts";
import { checkQuery } from "./query.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ServiceView } from "./view.ts";

/**
 * A view on nodes given by hand: always `fresh`, never changing, of origin `fixed`.
 *
 * @throws {@link DiscoveryError} `INVALID` for a name or a node that breaks the schema.
 */
export function fixedView(
  service: string,
  nodes: readonly Omit<NodeInput, "service">[],
): ServiceView {
  const query = checkQuery(service, { name: "fixed", traits: { scope: [] } });
  const defined = nodes.map((node) => defineNode({ ...node, service }));
  const where = { registry: "fixed", operation: `define ${service}` };
  const { all, rejected } = foldSet([], { nodes: defined }, where);
  const snapshot: Snapshot = Object.freeze({
    query,
    registry: "fixed",
    origin: "fixed",
    sequence: 1,
    changedAt: Date.now(),
    state: "fresh",
    nodes: Object.freeze(all.filter(isRoutable)),
    all,
    held: Object.freeze([]),
    rejected,
  });
  const live = createLiveValue(snapshot);
  return new LiveView(live, () => live.end());
}
