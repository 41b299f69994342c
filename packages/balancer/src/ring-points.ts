import type { ServiceNode } from "@rollcall/core";

import { hashText, mix } from "./hash.ts";

/** A point is one number, `position · slots + slot`: 32 bits of position and 21 of slot fit into a double. */
export const slots: number = 2 ** 21;
/** Points of a node of weight 1 among its like, as in ketama. */
const pointsPerWeight = 160;
/** Seeds of the two hashes that make a node's points. With one, two of 10 000 ids might have all in common. */
const startSeed = 0x9747b28c;
const stepSeed = 0x2545f491;

/** The nodes of a ring, each in its slot, and its points in order. */
export interface RingPoints {
  /** Sorted by id. */
  readonly nodes: readonly ServiceNode[];
  /** How many points each has. */
  readonly counts: Uint32Array;
  /** Sorted; points at one position are in the order of the ids. */
  readonly points: Float64Array;
}

/**
 * Lays out a ring. What it is does not depend on `before`, which only saves work: points of nodes that stay
 * are taken over, O(points) instead of O(points · log points).
 *
 * @param nodes  Sorted by id.
 */
export function layOut(nodes: readonly ServiceNode[], before: RingPoints | undefined): RingPoints {
  const counts = countPoints(nodes);
  if (before === undefined) {
    const all = nodes.map((_, slot) => slot);
    return { nodes, counts, points: pointsOf(nodes, counts, all) };
  }
  const { moves, fresh } = compare(nodes, counts, before);
  const isSame = fresh.length === 0 && nodes.length === before.nodes.length;
  const points = isSame
    ? before.points
    : merge(before.points, moves, pointsOf(nodes, counts, fresh));
  return { nodes, counts, points };
}

/**
 * In proportion to the weights, where the mean decides the scale: within each class from ½·8ⁿ to 4·8ⁿ it
 * is the same, 160 per unit of weight from ½ to 4. So there are at most 640 points per node on average,
 * and the points of a node do not change when another comes or goes, unless that changes the class.
 */
function countPoints(nodes: readonly ServiceNode[]): Uint32Array {
  let mean = 0;
  for (const { weight } of nodes) mean += weight / nodes.length;
  const unit = 8 ** Math.floor((Math.log2(mean) + 1) / 3);
  return Uint32Array.from(nodes, ({ weight }) =>
    Math.max(1, Math.round((weight / unit) * pointsPerWeight)),
  );
}

/** Where each old slot is now, −1 when its points are not valid any more, and which slots need new points. */
function compare(
  nodes: readonly ServiceNode[],
  counts: Uint32Array,
  before: RingPoints,
): { readonly moves: Int32Array; readonly fresh: readonly number[] } {
  const moves = new Int32Array(before.nodes.length).fill(-1);
  const fresh: number[] = [];
  let old = 0;
  for (const [slot, node] of nodes.entries()) {
    while ((before.nodes[old]?.id ?? node.id) < node.id) old += 1;
    const stays = before.nodes[old]?.id === node.id && before.counts[old] === counts[slot];
    if (stays) moves[old] = slot;
    else fresh.push(slot);
  }
  return { moves, fresh };
}

function pointsOf(
  nodes: readonly ServiceNode[],
  counts: Uint32Array,
  wanted: readonly number[],
): Float64Array {
  const points = new Float64Array(wanted.reduce((sum, slot) => sum + (counts[slot] ?? 0), 0));
  let next = 0;
  for (const slot of wanted) {
    const id = nodes[slot]?.id ?? "";
    const start = hashText(id, startSeed);
    const step = hashText(id, stepSeed) | 1;
    for (let point = 0; point < (counts[slot] ?? 0); point += 1) {
      points[next] = mix(start + Math.imul(point, step)) * slots + slot;
      next += 1;
    }
  }
  return points.sort();
}

/** Both in order; old points whose slot moved to −1 are left out. */
function merge(old: Float64Array, moves: Int32Array, fresh: Float64Array): Float64Array {
  const merged = new Float64Array(old.length + fresh.length);
  let length = 0;
  let next = 0;
  for (let index = 0; index < old.length; index += 1) {
    const value = old[index] ?? 0;
    const slot = slotOf(value);
    const move = moves[slot] ?? -1;
    if (move < 0) continue;
    // The ids' order is the slots' order, before and after: moved points stay sorted.
    const moved = value + (move - slot);
    while (next < fresh.length && (fresh[next] ?? 0) < moved) {
      merged[length] = fresh[next] ?? 0;
      length += 1;
      next += 1;
    }
    merged[length] = moved;
    length += 1;
  }
  merged.set(fresh.subarray(next), length);
  return merged.subarray(0, length + fresh.length - next);
}

/** Whose point it is. */
export function slotOf(point: number): number {
  return point - Math.floor(point / slots) * slots;
}

/** Index of the first point at or after a position; the number of points when there is none. */
export function firstFrom(points: Float64Array, position: number): number {
  const wanted = position * slots;
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
