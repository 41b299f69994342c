import type { Group, Skip } from "./algorithm.ts";
import { Heap } from "./heap.ts";
import { Lane } from "./lane.ts";
import { heaviestOf, type Turn } from "./turn.ts";

/** Past this virtual time the clock starts anew, while sums are still exact enough to find ties. */
export const restartAt = 1_000_000;

/**
 * A node of weight w has its turns at the virtual times ½/w, 1½/w, 2½/w… and whoever is due first is next.
 * Over each whole cycle every node gets exactly its share, and the halves spread its turns evenly: weights
 * 3, 2, 1 give A B A C B A.
 *
 * A heap of lanes, one per weight, makes that O(log k) per pick for k different weights, where smooth
 * weighted round robin scans all nodes.
 */
export class Agenda implements Group<Turn> {
  readonly #turns: readonly Turn[];
  readonly #lanes: readonly Lane[];
  readonly #heap: Heap;
  /** Virtual time: when the turn that was taken last was due. */
  #now = 0;

  /** Turns that the running pick passed over, the numbers of their lanes, and by lane how many. */
  readonly #passed: Turn[] = [];
  readonly #touched: number[] = [];
  readonly #passedIn: Uint32Array;

  constructor(turns: readonly Turn[]) {
    const heaviest = heaviestOf(turns);
    for (const [order, turn] of turns.entries()) turn.enter(heaviest, order);
    this.#turns = turns;
    const byPeriod = Map.groupBy(turns, ({ period }) => period);
    this.#lanes = Array.from(byPeriod.values(), (some) => new Lane(some));
    this.#passedIn = new Uint32Array(this.#lanes.length);
    this.#heap = new Heap(
      this.#lanes.map(({ first }) => first?.dueAt ?? 0),
      this.#lanes.map(({ first }) => first?.order ?? 0),
    );
  }

  pick(skip: Skip | undefined): Turn | undefined {
    for (;;) {
      const number = this.#heap.first;
      const lane = number === undefined ? undefined : this.#lanes[number];
      const turn = lane?.first;
      if (number === undefined || lane === undefined || turn === undefined) break;
      if (skip === undefined || !skip(turn.node)) {
        this.#take(number, lane, turn);
        return turn;
      }
      this.#passOver(number, lane, turn);
    }
    if (this.#passed.length > 0) this.#rejoin(false);
    return undefined;
  }

  pause(): void {
    for (const turn of this.#turns) turn.leave(this.#now);
  }

  #take(number: number, lane: Lane, turn: Turn): void {
    this.#now = turn.dueAt;
    turn.advance();
    lane.step();
    if (this.#passed.length > 0) this.#rejoin(true);
    this.#setKey(number, lane);
    this.#heap.move(number);
    if (this.#now > restartAt) this.#restart();
  }

  #passOver(number: number, lane: Lane, turn: Turn): void {
    this.#passed.push(turn);
    const passed = (this.#passedIn[number] ?? 0) + 1;
    this.#passedIn[number] = passed;
    if (passed === 1) this.#touched.push(number);
    lane.step();
    if (passed === lane.length) {
      this.#heap.shift();
    } else {
      this.#setKey(number, lane);
      this.#heap.move(number);
    }
  }

  /**
   * The turns of a skipped node pass, when another node took it. Were it kept, a node that comes back after
   * a while would get everything it missed in one burst.
   */
  #rejoin(turnsPass: boolean): void {
    if (turnsPass) for (const turn of this.#passed) turn.passUntil(this.#now);
    this.#passed.length = 0;
    for (const number of this.#touched) {
      const lane = this.#lanes[number];
      if (lane === undefined) continue;
      const isOut = this.#passedIn[number] === lane.length;
      this.#passedIn[number] = 0;
      if (isOut) lane.seek();
      this.#setKey(number, lane);
      if (isOut) this.#heap.push(number);
      else this.#heap.move(number);
    }
    this.#touched.length = 0;
  }

  #setKey(number: number, lane: Lane): void {
    const { first } = lane;
    if (first === undefined) return;
    this.#heap.keys[number] = first.dueAt;
    this.#heap.orders[number] = first.order;
  }

  #restart(): void {
    for (const turn of this.#turns) turn.rebase(this.#now);
    this.#heap.rebase(this.#now);
    this.#now = 0;
  }
}
