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

/** A turn that waits for the requests in flight as well. */
export class LoadTurn extends Turn {
  inFlight = 0;
  /** Until when the node is taken to have a load that it has not, in rounds. */
  settlesAt = 0;
  /** By how much that load falls in each round. */
  settling = 1;
  /** Where it waits, or waited last. */
  queue: LoadQueue | undefined;

  override done(): void {
    if (this.inFlight === 0) return;
    this.inFlight -= 1;
    this.queue?.relieve(this);
  }
}

/**
 * A node is next when it is due first, where each request in flight puts it off by one turn and a bit. The
 * lowest `(in flight + part of its turn still to wait) / weight` wins: idle nodes take turns as in round
 * robin, busy ones level out.
 */
export class LoadQueue implements Group<LoadTurn> {
  readonly #heap: Heap<LoadTurn>;
  readonly #passed: LoadTurn[] = [];
  /** Virtual time: the latest due time among the turns taken. */
  #now = 0;
  /** Picks, counted so that in each round the heaviest node has one if all are loaded alike. */
  #rounds = 0;
  readonly #roundsPerPick: number;
  #open = true;

  /** @param before  The queue that this one replaces: who was not in it is a newcomer. */
  constructor(turns: readonly LoadTurn[], before: LoadQueue | undefined) {
    const heaviest = heaviestOf(turns);
    let inFlight = 0;
    let weight = 0;
    let establishedWeight = 0;
    for (const turn of turns) {
      inFlight += turn.inFlight;
      weight += turn.node.weight / heaviest;
      if (turn.queue === before) establishedWeight += turn.node.weight / heaviest;
    }
    for (const [order, turn] of turns.entries()) {
      if (before !== undefined && turn.queue !== before && establishedWeight > 0) {
        // A newcomer starts as loaded as the others. After as many picks as there are requests in flight now,
        // those have ended, by and large.
        turn.settlesAt = (inFlight * turnsPerRequest) / weight;
        turn.settling = weight / establishedWeight;
      }
      turn.enter(heaviest, order);
      turn.queue = this;
      this.#weigh(turn);
    }
    this.#roundsPerPick = 1 / weight;
    this.#heap = new Heap(turns);
  }

  pick(skip: Skip | undefined): LoadTurn | undefined {
    const taken = this.#nextOf(skip);
    if (taken !== undefined) {
      const load = this.#load(taken);
      this.#now = Math.max(this.#now, taken.dueAt);
      this.#rounds += this.#roundsPerPick;
      taken.inFlight += 1;
      taken.advance();
      this.#weigh(taken);
      this.#heap.sink(taken);
      for (const turn of this.#passed) this.#pass(turn, load);
    }
    for (const turn of this.#passed) this.#heap.push(turn);
    this.#passed.length = 0;
    if (this.#now > restartAt) this.#restart();
    return taken;
  }

  /** One request fewer. */
  relieve(turn: LoadTurn): void {
    if (!this.#open) return;
    this.#weigh(turn);
    this.#heap.rise(turn);
  }

  pause(): void {
    this.#open = false;
    for (const turn of this.#heap.entries) {
      turn.leave(this.#now);
      turn.settlesAt = Math.max(0, turn.settlesAt - this.#rounds);
    }
  }

  #nextOf(skip: Skip | undefined): LoadTurn | undefined {
    for (;;) {
      const { first } = this.#heap;
      if (first === undefined) return undefined;
      if (first.dueAt < this.#now - tolerance) {
        // Its turns passed while it was busy. Looked at only now, since until now others were before it.
        first.passUntil(this.#now);
        this.#weigh(first);
        this.#heap.sink(first);
      } else if (skip?.(first.node) === true) {
        this.#passed.push(first);
        this.#heap.shift();
      } else {
        return first;
      }
    }
  }

  /** A skipped node loses the turn, and comes back as loaded as the node that got it: without a burst. */
  #pass(turn: LoadTurn, load: number): void {
    turn.passUntil(this.#now);
    turn.settlesAt = this.#rounds + load;
    turn.settling = 1;
    this.#weigh(turn);
  }

  #weigh(turn: LoadTurn): void {
    turn.key = turn.dueAt + this.#load(turn);
  }

  /** By how much virtual time the node's load puts it off. */
  #load(turn: LoadTurn): number {
    const inFlight = turn.inFlight * turnsPerRequest * turn.period;
    return inFlight + Math.max(0, turn.settlesAt - this.#rounds) * turn.settling;
  }

  #restart(): void {
    for (const turn of this.#heap.entries) {
      turn.rebase(this.#now);
      turn.settlesAt -= this.#rounds;
    }
    this.#now = 0;
    this.#rounds = 0;
  }
}
