import { hashText, mix } from "./hash.ts";

/** Points on a circle in the order of their positions; at one position in the order of the nodes' ids. */
export interface Points {
  /** 0 to 2³² − 1. */
  readonly positions: Uint32Array;
  /** Whose they are, beside them. */
  readonly slots: Uint32Array;
}

/** A node and how many points it has. */
export interface PointSource {
  readonly id: string;
  readonly slot: number;
  readonly count: number;
}

/** Points are sorted as doubles: 32 bits of position before 21 that tell the nodes apart. */
const places = 2 ** 21;
/** Seeds of the two hashes that make a node's points. With one, two of 10 000 ids might have all in common. */
const startSeed = 0x9747b28c;
const stepSeed = 0x2545f491;

/** Bound of the nodes on a ring. */
export const maxNodes: number = places;

/** The points of these nodes; where they are depends on the ids alone. */
export function pointsOf(sources: readonly PointSource[]): Points {
  const byId = [...sources].sort((a, b) => (a.id < b.id ? -1 : 1));
  const sorted = new Float64Array(byId.reduce((sum, { count }) => sum + count, 0));
  let next = 0;
  for (const [place, { id, count }] of byId.entries()) {
    const start = hashText(id, startSeed);
    const step = hashText(id, stepSeed) | 1;
    for (let point = 0; point < count; point += 1) {
      sorted[next] = mix(start + Math.imul(point, step)) * places + place;
      next += 1;
    }
  }
  sorted.sort();
  const positions = new Uint32Array(sorted.length);
  const slots = new Uint32Array(sorted.length);
  for (let index = 0; index < sorted.length; index += 1) {
    const point = sorted[index] ?? 0;
    const position = Math.floor(point / places);
    positions[index] = position;
    slots[index] = byId[point - position * places]?.slot ?? 0;
  }
  return { positions, slots };
}

/**
 * Takes the points of some nodes out and puts those of others in. What lies between is copied in one piece,
 * many times as fast as point by point.
 *
 * @param ids  By slot, of the nodes before and after.
 */
export function edit(
  old: Points,
  ids: { readonly before: readonly string[]; readonly after: readonly string[] },
  removed: readonly PointSource[],
  added: readonly PointSource[],
): Points {
  const out = indicesOf(old, pointsOf(removed));
  const fresh = pointsOf(added);
  const length = old.slots.length - out.length + fresh.slots.length;
  const positions = new Uint32Array(length);
  const slots = new Uint32Array(length);
  let read = 0;
  let written = 0;
  let left = 0;
  function copy(end: number): void {
    positions.set(old.positions.subarray(read, end), written);
    slots.set(old.slots.subarray(read, end), written);
    written += end - read;
    read = end;
  }
  function copyWithoutRemoved(end: number): void {
    for (let index = out[left]; index !== undefined && index < end; index = out[left]) {
      copy(index);
      read += 1;
      left += 1;
    }
    copy(end);
  }
  for (let index = 0; index < fresh.slots.length; index += 1) {
    const position = fresh.positions[index] ?? 0;
    const slot = fresh.slots[index] ?? 0;
    copyWithoutRemoved(placeFor(old, ids.before, position, ids.after[slot] ?? ""));
    positions[written] = position;
    slots[written] = slot;
    written += 1;
  }
  copyWithoutRemoved(old.slots.length);
  return { positions, slots };
}

/** Index of the first point at or after a position; their number when there is none. */
export function firstFrom({ positions }: Points, position: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((positions[middle] ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where in `all` these points are. */
function indicesOf(all: Points, some: Points): Uint32Array {
  return Uint32Array.from(some.positions, (position, at) => {
    let index = firstFrom(all, position);
    while (all.slots[index] !== some.slots[at]) index += 1;
    return index;
  });
}

/** Where a new point of a node goes: after those at its position whose ids are smaller. */
function placeFor(old: Points, ids: readonly string[], position: number, id: string): number {
  let index = firstFrom(old, position);
  while (old.positions[index] === position && (ids[old.slots[index] ?? 0] ?? "") < id) index += 1;
  return index;
}
