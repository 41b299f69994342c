import { byId, defineNode, type ServiceNode } from "@rollcall/core";

/** The way from one list of nodes to another. */
export interface NodeChanges {
  /** New and changed nodes, sorted by id. */
  readonly put: readonly ServiceNode[];
  /** Ids, sorted. */
  readonly removed: readonly string[];
}

/** Compares two lists that are sorted by id; equal nodes are the same objects, so nothing is looked into. */
export function changesBetween(
  before: readonly ServiceNode[],
  after: readonly ServiceNode[],
): NodeChanges {
  const put: ServiceNode[] = [];
  const removed: string[] = [];
  if (before === after) return { put, removed };
  let next = 0;
  for (const node of after) {
    let old = before[next];
    while (old !== undefined && old !== node && byId(old, node) < 0) {
      removed.push(old.id);
      next += 1;
      old = before[next];
    }
    if (old?.id === node.id) next += 1;
    if (old !== node) put.push(node);
  }
  for (const { id } of before.slice(next)) removed.push(id);
  return { put, removed };
}

/** Takes {@link changesBetween} the other way; the very list of before when nothing changed. */
export function withChanges(
  before: readonly ServiceNode[],
  { put, removed }: NodeChanges,
): readonly ServiceNode[] {
  if (put.length === 0 && removed.length === 0) return before;
  const gone = new Set(removed);
  const after: ServiceNode[] = [];
  let next = 0;
  for (const old of before) {
    for (let node = put[next]; node !== undefined && byId(node, old) < 0; node = put[next]) {
      after.push(defineNode(node));
      next += 1;
    }
    const replaced = put[next]?.id === old.id;
    if (replaced) after.push(defineNode(put[next]!));
    else if (!gone.has(old.id)) after.push(old);
    if (replaced) next += 1;
  }
  for (const node of put.slice(next)) after.push(defineNode(node));
  return Object.freeze(after);
}
