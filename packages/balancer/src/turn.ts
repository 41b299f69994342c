import type { ServiceNode } from "@rollcall/core";

import type { Picked } from "./balancer.ts";

/** One node's place in a schedule; what `pick` hands out. */
export class Turn implements Picked {
  node: ServiceNode;
  /** How much of its own period the node still has to wait for its next turn, 0 to 1. */
  wait: number;

  /** Virtual time between two turns: 1 for the heaviest node, more for lighter ones. */
  period = 1;
  /** Turns come at `start + (taken + ½) · period`: one rounding, however many were taken. */
  start = 0;
  taken = 0;
  dueAt = 0;
  /** Breaks ties, so that equal nodes take turns in the order of the list. */
  order = 0;

  constructor(node: ServiceNode, wait: number) {
    this.node = node;
    this.wait = wait;
  }

  /** Enters a schedule whose virtual time is 0. */
  enter(period: number, order: number): void {
    this.period = period;
    this.start = (this.wait - 0.5) * period;
    this.taken = 0;
    this.dueAt = this.wait * period;
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

  /** Turns do not depend on how requests end. */
  done(): void {}
}
