import {
  defineNode,
  isRoutable,
  type NodeSet,
  type RejectedRecord,
  sameNode,
  type ServiceNode,
} from "@rollcall/core";
import type { KnownNodes } from "@rollcall/core/adapter";

import { isYounger } from "./owner.ts";
import type { ResolvedOptions } from "./options.ts";
import type { StoredRecord } from "./stored-record.ts";

type Found = StoredRecord & { node: ServiceNode };

/**
 * Makes the node set of one health answer, or of several that are merged.
 *
 * @param known  Nodes of before: an equal one is yielded again as the same object.
 */
export function nodeSetOf(
  { records, service }: { readonly records: readonly StoredRecord[]; readonly service: string },
  options: ResolvedOptions,
  known: KnownNodes,
): NodeSet {
  const byId = new Map<string, Found[]>();
  const rejected: RejectedRecord[] = [];
  for (const record of records) {
    const { key, error } = record;
    if (error !== undefined) rejected.push({ key, error });
    if (!isFound(record)) continue;
    const { id } = record.node;
    const same = byId.get(id);
    if (same === undefined) byId.set(id, [record]);
    else same.push(record);
  }
  const nodes: ServiceNode[] = [];
  const add = (node: ServiceNode): ServiceNode => {
    const before = known.get(node.id);
    const kept = before !== undefined && sameNode(before, node) ? before : node;
    nodes.push(kept);
    return kept;
  };
  for (const found of byId.values()) {
    const [first] = found;
    if (first !== undefined && found.length === 1) first.node = add(first.node);
    else told(found).forEach(add);
  }
  const { defaultService } = options;
  if (defaultService !== undefined && !nodes.some(isRoutable)) {
    add(defineNode({ service, id: "default", ...defaultService }));
  }
  return { nodes: sorted(nodes, options.sort), rejected };
}

/**
 * An id is unique at its agent only. Records of one of our own that moved to another agent are one node:
 * the youngest that is alive. Those of others are told apart by their agent's name.
 */
function told(found: readonly Found[]): readonly ServiceNode[] {
  const own = found.filter(({ owner }) => owner !== undefined).sort(byPreference);
  // One record may come by way of two servers.
  const others = new Map(
    found
      .filter(({ owner }) => owner === undefined)
      .map(({ key, agent, node }) => [`${key}@${agent}`, node]),
  );
  const isAlone = own.length === 0 && others.size === 1;
  return [
    ...own.slice(0, 1).map(({ node }) => node),
    ...[...others].map(([unique, node]) =>
      isAlone ? node : defineNode({ ...node, id: unique.slice(-512) }),
    ),
  ];
}

function byPreference(a: Found, b: Found): number {
  const alive = Number(b.node.status === "up") - Number(a.node.status === "up");
  if (alive !== 0 || a.owner === undefined || b.owner === undefined) return alive;
  return isYounger(a.owner, b.owner) ? -1 : 1;
}

function isFound(record: StoredRecord): record is Found {
  return record.node !== undefined;
}

function sorted(nodes: ServiceNode[], sort: ResolvedOptions["sort"]): ServiceNode[] {
  const byHost = (a: ServiceNode, b: ServiceNode): number =>
    a.host < b.host ? -1 : a.host > b.host ? 1 : 0;
  if (sort === "host_sort") return nodes.sort(byHost);
  if (sort === "port_sort") return nodes.sort((a, b) => a.port - b.port);
  if (sort === "combine_sort") return nodes.sort((a, b) => byHost(a, b) || a.port - b.port);
  return nodes;
}
