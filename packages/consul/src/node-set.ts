import {
  defineNode,
  isRoutable,
  type NodeSet,
  type RejectedRecord,
  sameNode,
  type ServiceNode,
} from "@rollcall/core";

import { decodeEntry, type DecodeContext, type Decoded } from "./codec.ts";
import { metaTexts } from "./meta.ts";
import { type Owner, isYounger, ownerOf } from "./owner.ts";
import type { ResolvedOptions } from "./options.ts";
import { isRecord } from "./record.ts";

/** Nodes of one service by id, as they were yielded last. */
export type KnownNodes = ReadonlyMap<string, ServiceNode>;

interface Found extends Decoded {
  readonly node: ServiceNode;
  readonly owner: Owner | undefined;
}

/**
 * Makes the node set of one health answer, or of several that are merged.
 *
 * @param known  Nodes of before: an equal one is yielded again as the same object.
 */
export function nodeSetOf(
  { entries, service }: { readonly entries: readonly unknown[]; readonly service: string },
  options: ResolvedOptions,
  known: KnownNodes,
): NodeSet {
  const context: DecodeContext = {
    registry: options.name,
    weight: options.weight,
    acceptWarning: options.acceptWarning,
  };
  const byId = new Map<string, Found[]>();
  const rejected: RejectedRecord[] = [];
  for (const entry of entries) {
    const decoded = decodeEntry(entry, context);
    const { key, node, error } = decoded;
    if (error !== undefined) rejected.push({ key, error });
    if (node === undefined) continue;
    const found = { ...decoded, node, owner: ownerOfEntry(entry) };
    const same = byId.get(node.id);
    if (same === undefined) byId.set(node.id, [found]);
    else same.push(found);
  }
  const nodes: ServiceNode[] = [];
  const add = (node: ServiceNode): void => {
    const before = known.get(node.id);
    nodes.push(before !== undefined && sameNode(before, node) ? before : node);
  };
  for (const found of byId.values()) told(found).forEach(add);
  const { defaultService } = options;
  if (defaultService !== undefined && !nodes.some(isRoutable)) {
    add(defineNode({ service, id: "default", ...defaultService }));
  }
  return { nodes: sorted(nodes, options.sort), rejected };
}

/** Nodes by id, for the next {@link nodeSetOf}. */
export function knownNodes({ nodes }: NodeSet): KnownNodes {
  return new Map(nodes.map((node) => [node.id, node]));
}

/**
 * An id is unique at its agent only. Records of one of our own that moved to another agent are one node:
 * the youngest that is alive. Those of others are told apart by their agent's name.
 */
function told(found: readonly Found[]): readonly ServiceNode[] {
  const [first] = found;
  if (first === undefined) return [];
  if (found.length === 1) return [first.node];
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

function ownerOfEntry(entry: unknown): Owner | undefined {
  const service = isRecord(entry) ? entry["Service"] : undefined;
  return isRecord(service) ? ownerOf(metaTexts(service["Meta"])) : undefined;
}

function sorted(nodes: ServiceNode[], sort: ResolvedOptions["sort"]): ServiceNode[] {
  const byHost = (a: ServiceNode, b: ServiceNode): number =>
    a.host < b.host ? -1 : a.host > b.host ? 1 : 0;
  if (sort === "host_sort") return nodes.sort(byHost);
  if (sort === "port_sort") return nodes.sort((a, b) => a.port - b.port);
  if (sort === "combine_sort") return nodes.sort((a, b) => byHost(a, b) || a.port - b.port);
  return nodes;
}
