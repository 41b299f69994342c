import type { Group, Skip } from "./algorithm.ts";
import { Heap } from "./heap.ts";
import { heaviestOf, type Turn } from "./turn.ts";

/** Past this virtual time the clock starts anew, while sums are still exact enough to find ties. */
export const restartAt = 1_000_000;

/**
 * Unequal weights: a node of weight w has its turns at the virtual times ½/w, 1½/w, 2½/w… and whoever
 * is due first is next. Over each whole cycle every node gets exactly its share, and the halves spread
 * its turns evenly: weights 3, 2, 1 give A B A C B A.
 *
 * A heap makes that O(log n) per pick, where smooth weighted round robin scans all nodes.
 */
export class Agenda implements Group<Turn> {
  readonly #turns: readonly Turn[];
  readonly #heap: Heap;
  readonly #passed: Turn[] = [];
  /** Virtual time: when the turn that was taken last was due. */
  #now = 0;

  constructor(turns: readonly Turn[]) {
    const heaviest = heaviestOf(turns);
    for (const [order, turn] of turns.entries()) turn.enter(heaviest, order);
    this.#turns = turns;
    this.#heap = new Heap(turns.map(({ dueAt }) => dueAt));
  }

  pick(skip: Skip | undefined): Turn | undefined {
    const taken = skip === undefined ? this.#first : this.#passOver(skip);
    if (taken !== undefined) {
      this.#now = taken.dueAt;
      taken.advance();
      this.#heap.keys[taken.order] = taken.dueAt;
      this.#heap.move(taken.order);
    }
    if (this.#passed.length > 0) this.#rejoin(taken !== undefined);
    if (this.#now > restartAt) this.#restart();
    return taken;
  }

  pause(): void {
    for (const turn of this.#turns) turn.leave(this.#now);
  }

  get #first(): Turn | undefined {
    const { first } = this.#heap;
    return first === undefined ? undefined : this.#turns[first];
  }

  #passOver(skip: Skip): Turn | undefined {
    for (;;) {
      const first = this.#first;
      if (first === undefined || !skip(first.node)) return first;
      this.#passed.push(first);
      this.#heap.shift();
    }
  }

  /**
   * The turns of a skipped node pass, when another node took it. Were it kept, a node that comes back after
   * a while would get everything it missed in one burst.
   */
  #rejoin(turnsPass: boolean): void {
    for (const turn of this.#passed) {
      if (turnsPass) turn.passUntil(this.#now);
      this.#heap.keys[turn.order] = turn.dueAt;
      this.#heap.push(turn.order);
    }
    this.#passed.length = 0;
  }

  #restart(): void {
    for (const turn of this.#turns) turn.rebase(this.#now);
    this.#heap.rebase(this.#now);
    this.#now = 0;
  }
}
