import { isDefinedNode, sameNode, type ServiceNode } from "./node.ts";

/** A list of nodes that became a sorted one without any being left out. */
export interface FoldedList {
  /** As it was given. */
  readonly given: readonly ServiceNode[];
  /** The same nodes, sorted by id, ids unique. */
  readonly all: readonly ServiceNode[];
}

/** Changed places above which a list is folded as a whole. */
const manyNodes = 1_000;

/**
 * Folds a list that differs from one before in some places only, in far less time than from scratch: nodes
 * that are the same objects at both ends of the list are not looked at.
 *
 * @returns The sorted list, the very array of before when nothing changed; undefined when the new list needs
 *   to be looked at as a whole: much has changed, a node was not made by `defineNode`, or an id occurs twice.
 */
export function foldChange(
  before: FoldedList,
  nodes: readonly ServiceNode[],
): readonly ServiceNode[] | undefined {
  const { given, all } = before;
  const shorter = Math.min(given.length, nodes.length);
  let start = 0;
  while (start < shorter && given[start] === nodes[start]) start += 1;
  let kept = 0;
  let [last, lastNew] = [given.length - 1, nodes.length - 1];
  // Plain loops: they run once per change over all nodes, mostly before they are compiled.
  while (kept < shorter - start && given[last] === nodes[lastNew]) {
    kept += 1;
    last -= 1;
    lastNew -= 1;
  }
  const gone = new Set<string>();
  for (const { id } of given.slice(start, given.length - kept)) gone.add(id);
  const fresh = new Map<string, ServiceNode>();
  for (const node of nodes.slice(start, nodes.length - kept)) {
    if (!isDefinedNode(node) || fresh.has(node.id)) return undefined;
    // Outside of what changed, the other node of this id is still there.
    if (!gone.has(node.id) && all[placeOf(node.id, all)]?.id === node.id) return undefined;
    fresh.set(node.id, node);
  }
  if (gone.size + fresh.size > manyNodes) return undefined;
  const ids = [...new Set([...gone, ...fresh.keys()])].sort(byCodeUnit);
  let folded: ServiceNode[] | undefined;
  // From the end, so that places stay right.
  for (const id of ids.toReversed()) {
    const at = placeOf(id, all);
    const old = all[at]?.id === id ? all[at] : undefined;
    const node = fresh.get(id);
    if (old !== undefined && node !== undefined && sameNode(old, node)) continue;
    folded ??= all.slice();
    if (old !== undefined && node !== undefined) folded[at] = node;
    else if (node !== undefined) folded.splice(at, 0, node);
    else folded.splice(at, 1);
  }
  return folded === undefined ? all : Object.freeze(folded);
}

/** Where a node of an id is in a sorted list, or would be. */
function placeOf(id: string, all: readonly ServiceNode[]): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((all[middle]?.id ?? "") < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
