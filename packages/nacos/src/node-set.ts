import { type NodeSet, type RejectedRecord, sameNode } from "@rollcall/core";
import type { KnownNodes } from "@rollcall/core/adapter";

import type { Decoded } from "./codec.ts";
import { isYounger } from "./owner.ts";

/**
 * Makes the node set of one list.
 *
 * @param clusters  Those whose nodes are wanted; empty means all.
 * @param known  Nodes of before: an equal one is yielded again as the same object.
 */
export function nodeSetOf(
  records: readonly Decoded[],
  clusters: readonly string[],
  known: KnownNodes,
): NodeSet {
  const chosen = new Map<string, Decoded>();
  const rejected: RejectedRecord[] = [];
  for (const record of records) {
    const { key, cluster, node, error } = record;
    if (clusters.length > 0 && !clusters.includes(cluster)) continue;
    if (error !== undefined) rejected.push({ key, error });
    if (node === undefined) continue;
    const before = known.get(node.id);
    if (before !== undefined && sameNode(before, node)) record.node = before;
    const rival = chosen.get(node.id);
    if (rival === undefined || isBetter(record, rival)) chosen.set(node.id, record);
  }
  const nodes = [...chosen.values()].flatMap(({ node }) => (node === undefined ? [] : [node]));
  return { nodes, rejected };
}

/**
 * Which of two records of one id counts. A process that was replaced leaves its record behind for a while;
 * a stranger's record of our id is nobody's word against its owner's.
 */
function isBetter(a: Decoded, b: Decoded): boolean {
  if (a.owner !== undefined && b.owner !== undefined) return isYounger(a.owner, b.owner);
  if (a.owner !== undefined || b.owner !== undefined) return a.owner !== undefined;
  return a.node?.status === "up" && b.node?.status !== "up";
}
