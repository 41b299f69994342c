import type { ServiceNode } from "@rollcall/core";

import type { Schedule } from "./schedule.ts";
import type { Turn } from "./turn.ts";

/** Past this virtual time the clock starts anew, while sums are still exact enough to find ties. */
const restartAt = 1_000_000;
const tolerance = 1e-9;
/** Lighter nodes than this share of the heaviest are treated as having it. */
const lightest = 1e-12;

/**
 * Unequal weights: a node of weight w has its turns at the virtual times ½/w, 1½/w, 2½/w… and whoever
 * is due first is next. Over each whole cycle every node gets exactly its share, and the halves spread
 * its turns evenly: weights 3, 2, 1 give A B A C B A.
 *
 * A binary heap makes that O(log n) per pick, where smooth weighted round robin scans all nodes.
 */
export class Agenda implements Schedule {
  readonly #heap: Turn[];
  readonly #passed: Turn[] = [];
  /** Virtual time: when the turn that was taken last was due. */
  #now = 0;

  constructor(turns: readonly Turn[]) {
    const heaviest = turns.reduce((most, turn) => Math.max(most, turn.node.weight), 0);
    for (const [order, turn] of turns.entries()) {
      turn.enter(1 / Math.max(turn.node.weight / heaviest, lightest), order);
    }
    // A sorted array is a heap.
    this.#heap = [...turns].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  pick(skip: ((node: ServiceNode) => boolean) | undefined): Turn | undefined {
    const heap = this.#heap;
    let taken = heap[0];
    if (skip !== undefined) taken = this.#passOver(skip);
    if (taken !== undefined) {
      this.#now = taken.dueAt;
      taken.advance();
      this.#sink(taken);
    }
    if (this.#passed.length > 0) this.#rejoin(taken !== undefined);
    if (this.#now > restartAt) this.#restart();
    return taken;
  }

  pause(): void {
    for (const turn of this.#heap) {
      turn.wait = Math.min(1, Math.max(0, (turn.dueAt - this.#now) / turn.period));
    }
  }

  #passOver(skip: (node: ServiceNode) => boolean): Turn | undefined {
    let first = this.#heap[0];
    while (first !== undefined && skip(first.node)) {
      this.#passed.push(first);
      const last = this.#heap.pop();
      if (last !== undefined && this.#heap.length > 0) this.#sink(last);
      first = this.#heap[0];
    }
    return first;
  }

  /**
   * The turns of a skipped node pass, when another node took it. Were it kept, a node that comes back after
   * a while would get everything it missed in one burst.
   */
  #rejoin(turnsPass: boolean): void {
    for (const turn of this.#passed) {
      if (turnsPass) turn.passUntil(this.#now);
      this.#float(turn);
    }
    this.#passed.length = 0;
  }

  #restart(): void {
    for (const turn of this.#heap) {
      turn.start += turn.taken * turn.period - this.#now;
      turn.taken = 0;
      turn.dueAt = turn.start + 0.5 * turn.period;
    }
    this.#now = 0;
  }

  /** Puts `turn` in the first place and lets it sink to where it belongs. */
  #sink(turn: Turn): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      let earliest = heap[child];
      if (earliest === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, earliest)) {
        child += 1;
        earliest = right;
      }
      if (!isBefore(earliest, turn)) break;
      heap[place] = earliest;
      place = child;
    }
    heap[place] = turn;
  }

  /** Puts `turn` in the last place and lets it rise to where it belongs. */
  #float(turn: Turn): void {
    const heap = this.#heap;
    let place = heap.push(turn) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(turn, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = turn;
  }
}

/** Turns that are due together must not be torn apart by the last bit of a sum. */
function isBefore(a: Turn, b: Turn): boolean {
  const difference = a.dueAt - b.dueAt;
  if (difference > tolerance) return false;
  return difference < -tolerance || a.order < b.order;
}
