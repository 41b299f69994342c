import type { ServiceNode } from "@rollcall/core";

import type { Member } from "./algorithm.ts";

/** Lighter nodes than this share of the heaviest are treated as having it. */
const lightest = 1e-12;

/** One node's place in a schedule; what `pick` hands out. */
export class Turn implements Member {
  node: ServiceNode;
  /** How much of its own period the node still has to wait for its next turn, 0 to 1. */
  wait: number;

  /** Virtual time between two turns: 1 for the heaviest node, more for lighter ones. */
  period = 1;
  /** Turns come at `start + (taken + ½) · period`: one rounding, however many were taken. */
  start = 0;
  taken = 0;
  dueAt = 0;
  /** Place in the list: equal nodes take turns in this order. */
  order = 0;

  /** In a first list all wait alike; in a living one a newcomer lets a whole period pass. */
  constructor(node: ServiceNode, first: boolean) {
    this.node = node;
    this.wait = first ? 0.5 : 1;
  }

  /** Enters a schedule whose virtual time is 0. */
  enter(heaviest: number, order: number): void {
    this.period = 1 / Math.max(this.node.weight / heaviest, lightest);
    this.start = (this.wait - 0.5) * this.period;
    this.taken = 0;
    this.dueAt = this.wait * this.period;
    this.order = order;
  }

  /** The turn is over. */
  advance(turns = 1): void {
    this.taken += turns;
    this.dueAt = this.start + (this.taken + 0.5) * this.period;
  }

  /** Lets every turn up to `now` pass, at least one. */
  passUntil(now: number): void {
    this.advance(Math.max(1, Math.ceil((now - this.dueAt) / this.period)));
  }

  /** Virtual time starts anew, `now` being its new zero. */
  rebase(now: number): void {
    this.start += this.taken * this.period - now;
    this.taken = 0;
    this.dueAt = this.start + 0.5 * this.period;
  }

  /** Leaves a schedule whose virtual time is `now`. */
  leave(now: number): void {
    this.wait = Math.min(1, Math.max(0, (this.dueAt - now) / this.period));
  }

  /** Turns do not depend on how requests end. */
  done(): void {}
}

/** Weight of the heaviest. */
export function heaviestOf(turns: readonly Turn[]): number {
  return turns.reduce((most, turn) => Math.max(most, turn.node.weight), 0);
}
