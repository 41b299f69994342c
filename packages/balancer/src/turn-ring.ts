import type { ServiceNode } from "@rollcall/core";

import type { Picked } from "./balancer.ts";

/** A node's place in the schedule, and the object handed out when it is picked. */
export class Turn implements Picked {
  node: ServiceNode;
  /**
   * Share of its own period that the node still has to wait for its turn, 0–1. Written when the
   * schedule is taken apart, read when it is put together again; `undefined` for a newcomer.
   */
  wait: number | undefined;
  /** Update that last saw this node, so that those gone can be told. */
  generation = 0;

  constructor(node: ServiceNode) {
    this.node = node;
  }

  done(): void {
    // Taking turns learns nothing from how a request ended.
  }
}

/**
 * The nodes of one weight, taking turns.
 *
 * To the schedule a ring is one party with the weight of all its members. Its turns fall due at
 * `start + (taken + ½) / share`: the midpoints of equal slices of virtual time. The formula, rather
 * than a running sum, keeps rounding errors from adding up.
 */
export class TurnRing {
  readonly members: readonly Turn[];
  /** Weight of all members together, scaled so that the heaviest node of the group is in [1, 2). */
  readonly share: number;
  /** Breaks ties between rings due at the same time. */
  readonly order: number;
  /** Virtual time at which the next turn is due. */
  due: number;
  /** Members skipped in the pick that is under way. */
  skipped = 0;
  #start: number;
  #taken = 0;
  #cursor = 0;

  constructor(members: readonly Turn[], share: number, order: number, due: number) {
    this.members = members;
    this.share = share;
    this.order = order;
    this.due = due;
    this.#start = due - 0.5 / share;
  }

  /** The member whose turn is next. */
  get next(): Turn {
    return this.members[this.#cursor]!;
  }

  /** Ends the turn of {@link next}, used or not. */
  advance(): void {
    this.#cursor = this.#cursor + 1 === this.members.length ? 0 : this.#cursor + 1;
    this.#take(1);
  }

  /** Takes back one advance of every member, which leaves the cursor where it is. */
  rewindRound(): void {
    this.#take(-this.members.length);
  }

  /** Moves the next turn to the virtual time `due`. */
  reschedule(due: number): void {
    this.due = due;
    this.#taken = 0;
    this.#start = due - 0.5 / this.share;
  }

  /** Writes each member's {@link Turn.wait}, seen from the virtual time `now`. */
  writeWaits(now: number): void {
    const count = this.members.length;
    const first = ((this.due - now) * this.share) / count;
    for (let ahead = 0; ahead < count; ahead += 1) {
      this.members[(this.#cursor + ahead) % count]!.wait = first + ahead / count;
    }
  }

  #take(turns: number): void {
    this.#taken += turns;
    this.due = this.#start + (this.#taken + 0.5) / this.share;
  }
}
