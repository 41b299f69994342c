import { restartAt } from "./agenda.ts";
import type { Group, Skip } from "./algorithm.ts";
import { Heap } from "./heap.ts";
import { heaviestOf, Turn } from "./turn.ts";

/**
 * How many turns one request in flight is worth. A little more than one: of two nodes of one weight, the
 * less loaded is next even when it has a whole period to wait and the other is due.
 */
const turnsPerRequest = 1 + 1 / 16;
/** Turns that were due this much before virtual time have passed; less is rounding. */
const tolerance = 1e-9;
/** How often in a row a node may be skipped, as by the retries of one request, without losing its turn. */
const patience = 3;

/** A turn that waits for the requests in flight as well. */
export class LoadTurn extends Turn {
  inFlight = 0;
  /** How often it was skipped since it was last taken. */
  skips = 0;
  /** Until which round the node is taken to have a load that it has not. */
  settlesAt = 0;
  /** By how much that load falls in each round. */
  settling = 0;
  /** Where it waits, or waited last. */
  queue: LoadQueue | undefined;

  override done(): void {
    if (this.inFlight === 0) return;
    this.inFlight -= 1;
    this.queue?.relieve(this);
  }
}

/**
 * A node is next when it is due first, where each request in flight puts it off by one turn and a bit: the
 * lowest `(in flight + part of a turn still to wait) / weight` wins. Idle nodes take turns as in round robin,
 * busy ones level out.
 *
 * A node that is new, or was skipped for long, does not get all that comes until it has caught up: it is
 * taken to be as loaded as the others, less and less, until as many requests have begun as are in flight now.
 * By then those have ended, by and large.
 */
export class LoadQueue implements Group<LoadTurn> {
  readonly #turns: readonly LoadTurn[];
  readonly #heap: Heap;
  readonly #passed: LoadTurn[] = [];
  /** Of all nodes, by that of the heaviest. */
  readonly #weight: number;
  #inFlight = 0;
  /** Virtual time: the latest due time among the turns taken. */
  #now = 0;
  /** Picks, counted so that nodes that are loaded alike have `weight / heaviest` in each round. */
  #rounds = 0;
  #open = true;

  /** @param before  The queue that this one replaces: who was not in it is a newcomer. */
  constructor(turns: readonly LoadTurn[], before: LoadQueue | undefined) {
    const heaviest = heaviestOf(turns);
    let weight = 0;
    let established = 0;
    for (const turn of turns) {
      const share = turn.node.weight / heaviest;
      weight += share;
      if (turn.queue === before) established += share;
      this.#inFlight += turn.inFlight;
    }
    this.#weight = weight;
    for (const [order, turn] of turns.entries()) {
      turn.enter(heaviest, order);
      const isNew = before !== undefined && turn.queue !== before;
      if (isNew && established > 0) this.#settle(turn, established);
      turn.queue = this;
    }
    this.#turns = turns;
    this.#heap = new Heap(turns.map((turn) => this.#keyOf(turn)));
  }

  pick(skip: Skip | undefined): LoadTurn | undefined {
    const taken = this.#nextOf(skip);
    if (taken !== undefined) {
      this.#now = Math.max(this.#now, taken.dueAt);
      this.#rounds += 1 / this.#weight;
      this.#inFlight += 1;
      taken.inFlight += 1;
      taken.skips = 0;
      taken.advance();
      this.#move(taken);
    }
    if (this.#passed.length > 0) this.#rejoin(taken !== undefined);
    if (this.#now > restartAt) this.#restart();
    return taken;
  }

  /** One request fewer. */
  relieve(turn: LoadTurn): void {
    if (!this.#open) return;
    this.#inFlight -= 1;
    this.#catchUp(turn);
    this.#move(turn);
  }

  pause(): void {
    this.#open = false;
    for (const turn of this.#turns) {
      turn.leave(this.#now);
      turn.settlesAt = Math.max(0, turn.settlesAt - this.#rounds);
    }
  }

  #nextOf(skip: Skip | undefined): LoadTurn | undefined {
    for (;;) {
      const { first: order } = this.#heap;
      const first = order === undefined ? undefined : this.#turns[order];
      if (first === undefined) return undefined;
      if (this.#catchUp(first)) {
        this.#move(first);
      } else if (skip?.(first.node) === true) {
        this.#passed.push(first);
        this.#heap.shift();
      } else {
        return first;
      }
    }
  }

  /** Lets the turns pass that a node missed while it was busy; whether there were any. */
  #catchUp(turn: LoadTurn): boolean {
    if (turn.dueAt >= this.#now - tolerance) return false;
    turn.passUntil(this.#now);
    return true;
  }

  /** A node that is skipped again and again loses its turns, when others took them. */
  #rejoin(turnsPass: boolean): void {
    for (const turn of this.#passed) {
      if (turnsPass) {
        turn.skips += 1;
        if (turn.skips > patience) {
          turn.advance();
          this.#settle(turn, this.#weight);
        }
      }
      this.#heap.keys[turn.order] = this.#keyOf(turn);
      this.#heap.push(turn.order);
    }
    this.#passed.length = 0;
  }

  /** @param weight  Of the nodes that have the requests in flight. */
  #settle(turn: LoadTurn, weight: number): void {
    const rounds = this.#inFlight / this.#weight;
    if (rounds === 0) return;
    const lack = this.#inFlight / weight - turn.inFlight * turn.period;
    turn.settlesAt = this.#rounds + rounds;
    turn.settling = (Math.max(0, lack) / rounds) * turnsPerRequest;
  }

  #move(turn: LoadTurn): void {
    this.#heap.keys[turn.order] = this.#keyOf(turn);
    this.#heap.move(turn.order);
  }

  #keyOf(turn: LoadTurn): number {
    const settling = Math.max(0, turn.settlesAt - this.#rounds) * turn.settling;
    return turn.dueAt + turn.inFlight * turnsPerRequest * turn.period + settling;
  }

  #restart(): void {
    for (const turn of this.#turns) {
      turn.rebase(this.#now);
      turn.settlesAt -= this.#rounds;
    }
    this.#heap.rebase(this.#now);
    this.#now = 0;
    this.#rounds = 0;
  }
}
