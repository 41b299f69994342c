import { asDiscoveryError, DiscoveryError } from "./error.ts";
import { byId, defineNode, isDefinedNode, sameNode, type ServiceNode } from "./node.ts";
import type { NodeSet, RejectedRecord } from "./registry.ts";

/** A node set after it was checked, compared with the one before, and sorted. */
export interface FoldedSet {
  /** Sorted by id, ids unique; the very array of before when nothing changed. */
  readonly all: readonly ServiceNode[];
  readonly rejected: readonly RejectedRecord[];
}

const noRecords: readonly RejectedRecord[] = Object.freeze([]);

/**
 * Turns what a watch yielded into what a snapshot holds.
 *
 * Nodes equal to those of before are kept as the same objects, so everything downstream can compare by
 * identity. Nodes that were not made by `defineNode` are defined here; what cannot be, and every second
 * record of one id, is rejected alone. Costs O(n + k log k) for k new ids.
 *
 * @param before  Sorted by id.
 */
export function foldSet(
  before: readonly ServiceNode[],
  set: NodeSet,
  where: { readonly registry: string; readonly operation: string },
): FoldedSet {
  const rejected: RejectedRecord[] = (set.rejected ?? noRecords).map(({ key, error }) =>
    Object.freeze({ key, error }),
  );
  const incoming = new Map<string, ServiceNode>();
  for (const given of set.nodes) {
    const node = define(given, where, rejected);
    if (node === undefined) continue;
    if (incoming.has(node.id)) {
      rejected.push(reject(node.id, where, "a second record of the same id"));
    } else {
      incoming.set(node.id, node);
    }
  }
  const kept: ServiceNode[] = [];
  let changed = false;
  let known = 0;
  for (const old of before) {
    const node = incoming.get(old.id);
    if (node === undefined) {
      changed = true;
      continue;
    }
    known += 1;
    const same = sameNode(old, node);
    kept.push(same ? old : node);
    changed ||= !same;
  }
  let all: readonly ServiceNode[] = changed ? kept : before;
  if (known < incoming.size) {
    for (const { id } of before) incoming.delete(id);
    all = mergeSorted(kept, [...incoming.values()].sort(byId));
  }
  return {
    all: Object.freeze(all),
    rejected: rejected.length === 0 ? noRecords : Object.freeze(rejected.sort(byKey)),
  };
}

/** Joins two lists that are sorted by id and share no id. */
export function mergeSorted(
  a: readonly ServiceNode[],
  b: readonly ServiceNode[],
): readonly ServiceNode[] {
  if (b.length === 0) return a;
  if (a.length === 0) return b;
  const merged: ServiceNode[] = [];
  let next = 0;
  for (const node of a) {
    for (let other = b[next]; other !== undefined && byId(other, node) < 0; other = b[next]) {
      merged.push(other);
      next += 1;
    }
    merged.push(node);
  }
  for (const node of b.slice(next)) merged.push(node);
  return merged;
}

/** Whether two lists hold the very same objects in the same order. */
export function sameElements<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a === b) return true;
  let at = a.length === b.length ? a.length : 0;
  while (at > 0 && a[at - 1] === b[at - 1]) at -= 1;
  return at === 0 && a.length === b.length;
}

/** Backends list records in any order; equal sets must look equal. */
function byKey(a: RejectedRecord, b: RejectedRecord): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  const [ours, theirs] = [a.error.message, b.error.message];
  return ours < theirs ? -1 : ours > theirs ? 1 : 0;
}

function define(
  node: ServiceNode,
  where: { readonly registry: string; readonly operation: string },
  rejected: RejectedRecord[],
): ServiceNode | undefined {
  if (isDefinedNode(node)) return node;
  try {
    return defineNode(node);
  } catch (thrown) {
    const { reason } = asDiscoveryError(thrown, where);
    rejected.push(reject(idOf(node), where, reason));
    return undefined;
  }
}

function idOf(node: Partial<ServiceNode> | null): string {
  try {
    const id: unknown = node?.id;
    if (typeof id === "string") return id.slice(0, 512);
  } catch {
    // A getter of an object that is no node at all.
  }
  return "(no id)";
}

function reject(
  key: string,
  where: { readonly registry: string; readonly operation: string },
  reason: string,
): RejectedRecord {
  return Object.freeze({ key, error: new DiscoveryError({ code: "RECORD", ...where, reason }) });
}
