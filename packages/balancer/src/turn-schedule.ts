import type { ServiceNode } from "@rollcall/core";

import { type Turn, TurnRing } from "./turn-ring.ts";

// A share below this part of the heaviest would need 10^12 picks to be told from none; the bound keeps
// virtual time within what a double resolves.
const smallestShare = 2 ** -40;

// Past this, virtual time is set back to zero so that the distance between turns stays exact.
const latestTime = 2 ** 20;

/**
 * Smooth weighted turns for the nodes of one priority: earliest due time first.
 *
 * Nodes of one weight share a {@link TurnRing}, and the rings stand in a binary heap. A pick costs
 * O(log d) for d distinct weights, so equal weights cost the same for any number of nodes. Over a
 * full cycle every node gets exactly its weight.
 *
 * A skipped node loses that turn and nothing more: it neither saves turns up for a burst later, nor
 * does its share go to nodes of the same weight alone.
 */
export class TurnSchedule {
  readonly #heap: TurnRing[];
  readonly #setAside: TurnRing[] = [];
  readonly #touched: TurnRing[] = [];
  /** Virtual time: when the last pick was due. No ring is due earlier. */
  #now = 0;

  /** @param turns  Nodes with a weight above 0; those with a {@link Turn.wait} keep their place. */
  constructor(turns: readonly Turn[]) {
    let heaviest = 0;
    const byWeight = new Map<number, Turn[]>();
    for (const turn of turns) {
      const { weight } = turn.node;
      if (weight > heaviest) heaviest = weight;
      const members = byWeight.get(weight);
      if (members === undefined) byWeight.set(weight, [turn]);
      else members.push(turn);
    }
    const unit = powerOfTwoBelow(heaviest);
    this.#heap = [...byWeight].map(([weight, members], order) => {
      const scaled = Math.max(weight / unit, smallestShare);
      const first = inOrderOfWait(members);
      return new TurnRing(members, scaled * members.length, order, first / scaled);
    });
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at -= 1) this.#siftDown(at);
  }

  /** The node whose turn it is, or `undefined` when all are skipped; then nothing has changed. */
  pick(skip: ((node: ServiceNode) => boolean) | undefined): Turn | undefined {
    if (skip !== undefined) return this.#pickUnless(skip);
    const ring = this.#heap[0];
    return ring === undefined ? undefined : this.#take(ring);
  }

  /** Writes each node's {@link Turn.wait}, for the schedule that will replace this one. */
  writeWaits(): void {
    for (const ring of this.#heap) ring.writeWaits(this.#now);
  }

  #take(ring: TurnRing): Turn {
    const turn = ring.next;
    this.#now = ring.due;
    ring.advance();
    this.#siftDown(0);
    if (this.#now > latestTime) this.#rebase();
    return turn;
  }

  #pickUnless(skip: (node: ServiceNode) => boolean): Turn | undefined {
    let picked: Turn | undefined;
    try {
      for (let ring = this.#heap[0]; ring !== undefined; ring = this.#heap[0]) {
        if (!skip(ring.next.node)) {
          picked = this.#take(ring);
          break;
        }
        if (ring.skipped === 0) this.#touched.push(ring);
        ring.skipped += 1;
        ring.advance();
        if (ring.skipped === ring.members.length) this.#removeFirst();
        else this.#siftDown(0);
      }
    } finally {
      this.#restore();
    }
    return picked;
  }

  /** Brings back the rings without a usable member; their clocks stood still, but are not behind. */
  #restore(): void {
    for (const ring of this.#setAside) {
      ring.rewindRound();
      if (ring.due < this.#now) ring.reschedule(this.#now);
      this.#heap.push(ring);
      this.#siftUp(this.#heap.length - 1);
    }
    for (const ring of this.#touched) ring.skipped = 0;
    this.#setAside.length = 0;
    this.#touched.length = 0;
  }

  #removeFirst(): void {
    this.#setAside.push(this.#heap[0]!);
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  #rebase(): void {
    for (const ring of this.#heap) ring.reschedule(ring.due - this.#now);
    for (const ring of this.#setAside) ring.reschedule(ring.due - this.#now);
    this.#now = 0;
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const ring = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, ring)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = ring;
  }

  #siftUp(from: number): void {
    const heap = this.#heap;
    const ring = heap[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(ring, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = ring;
  }
}

function isBefore(a: TurnRing, b: TurnRing): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

/**
 * Sorts members by wait, newcomers spread evenly over one period so that they neither come first all
 * at once nor wait for a whole round. Returns the shortest wait.
 */
function inOrderOfWait(members: Turn[]): number {
  let newcomers = 0;
  for (const turn of members) if (turn.wait === undefined) newcomers += 1;
  let placed = 0;
  for (const turn of members) {
    if (turn.wait !== undefined) continue;
    turn.wait = (placed + 0.5) / newcomers;
    placed += 1;
  }
  if (newcomers < members.length) members.sort((a, b) => a.wait! - b.wait!);
  return members[0]!.wait!;
}

// A power of two scales without rounding, which keeps due times of equal fractions equal.
function powerOfTwoBelow(value: number): number {
  if (value === 0) return 1;
  const exponent = Math.min(Math.max(Math.floor(Math.log2(value)), -1022), 1023);
  return 2 ** exponent;
}
