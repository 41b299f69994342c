import type { ServiceNode } from "@rollcall/core";

import { edit, maxNodes, type Points, type PointSource, pointsOf } from "./ring-points.ts";

/** Which node has which points of a ring. */
export interface RingLayout {
  /** By id. A node keeps its slot as long as it is on the ring. */
  readonly slots: ReadonlyMap<string, number>;
  /** By slot; what is left of nodes that are gone means nothing. */
  readonly ids: readonly string[];
  /** By slot: how many points the node has; 0 when the slot is free. */
  readonly counts: Uint32Array;
  readonly points: Points;
}

/** Points of a node of weight 1 among its like, as in ketama. */
const pointsPerWeight = 160;

/**
 * Lays out a ring. To whom a position belongs does not depend on `before`: that only saves work, since the
 * points of nodes that stay need not be computed and sorted again.
 */
export function layOut(nodes: readonly ServiceNode[], before: RingLayout | undefined): RingLayout {
  const unit = unitOf(nodes);
  const { slots, ids } = assignSlots(nodes.slice(0, maxNodes), before);
  const counts = new Uint32Array(ids.length);
  for (const { id, weight } of nodes) {
    const slot = slots.get(id);
    if (slot === undefined) continue;
    counts[slot] = Math.max(1, Math.round((weight / unit) * pointsPerWeight));
  }
  return { slots, ids, counts, points: place(slots, ids, counts, before) };
}

/**
 * The number of points is in proportion to the weights, where the mean decides the scale: within each class
 * from ½·8ⁿ to 4·8ⁿ it is the same, 160 per unit of weight from ½ to 4. So there are at most 640 points per
 * node on average, and the points of a node do not change when another comes or goes, unless that
 * changes the class.
 */
function unitOf(nodes: readonly ServiceNode[]): number {
  let mean = 0;
  for (const { weight } of nodes) mean += weight / nodes.length;
  const bounded = Math.min(Math.max(mean, 2 ** -1000), Number.MAX_VALUE);
  return 8 ** Math.floor((Math.log2(bounded) + 1) / 3);
}

function assignSlots(
  nodes: readonly ServiceNode[],
  before: RingLayout | undefined,
): Pick<RingLayout, "slots" | "ids"> {
  if (before === undefined) {
    return {
      slots: new Map(nodes.map(({ id }, slot) => [id, slot])),
      ids: nodes.map(({ id }) => id),
    };
  }
  const newcomers = nodes.filter(({ id }) => !before.slots.has(id));
  if (newcomers.length === 0 && nodes.length === before.slots.size) return before;
  const slots = new Map<string, number>();
  for (const { id } of nodes) {
    const slot = before.slots.get(id);
    if (slot !== undefined) slots.set(id, slot);
  }
  const ids = [...before.ids];
  const free = freeSlots(slots, ids.length);
  for (const { id } of newcomers) {
    const slot = free.pop() ?? ids.length;
    slots.set(id, slot);
    ids[slot] = id;
  }
  return { slots, ids };
}

function freeSlots(slots: ReadonlyMap<string, number>, length: number): number[] {
  if (slots.size === length) return [];
  const free = new Set(Array(length).keys());
  for (const slot of slots.values()) free.delete(slot);
  return [...free];
}

function place(
  slots: ReadonlyMap<string, number>,
  ids: readonly string[],
  counts: Uint32Array,
  before: RingLayout | undefined,
): Points {
  if (slots === before?.slots && counts.every((count, slot) => count === before.counts[slot])) {
    return before.points;
  }
  const removed: PointSource[] = [];
  const added: PointSource[] = [];
  for (const [id, slot] of before?.slots ?? []) {
    const count = before?.counts[slot] ?? 0;
    if (slots.get(id) !== slot || counts[slot] !== count) removed.push({ id, slot, count });
  }
  for (const [id, slot] of slots) {
    const count = counts[slot] ?? 0;
    const stays = before?.slots.get(id) === slot && before.counts[slot] === count;
    if (!stays) added.push({ id, slot, count });
  }
  if (before === undefined || removed.length === before.slots.size) return pointsOf(added);
  return edit(before.points, { before: before.ids, after: ids }, removed, added);
}
