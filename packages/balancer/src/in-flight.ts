import type { ServiceNode } from "@rollcall/core";

import type { Member } from "./algorithm.ts";

/** What all members of one balancer did together. */
export class Totals {
  picks = 0;
  inFlight = 0;
}

/** A node and its requests in flight. */
export class LoadMember implements Member {
  node: ServiceNode;
  inFlight = 0;
  /** Weight by that of the heaviest in the group, above 0 and at most 1. */
  weight = 1;
  /** The group it is in, or was in last. */
  group: object | undefined;
  readonly #totals: Totals;
  /** Number of picks until which the node is taken to be as busy as the others. */
  #settlesAt = 0;
  #lack = 0;

  constructor(node: ServiceNode, totals: Totals) {
    this.node = node;
    this.#totals = totals;
  }

  /**
   * The node is new among the others, or was away. As many picks from now as there are requests in flight,
   * and those have ended, by and large; so long it counts what it lacks of its share of them as its own, less
   * and less, and gets its share of the new ones instead of all until it has caught up.
   *
   * @param share  Its weight by that of the nodes that have those requests.
   */
  settle(share: number): void {
    const { inFlight, picks } = this.#totals;
    this.#lack = inFlight === 0 ? 0 : Math.max(0, share - this.inFlight / inFlight);
    this.#settlesAt = picks + inFlight;
  }

  /** Requests in flight, as far as choosing is concerned. */
  get load(): number {
    const settling = this.#settlesAt - this.#totals.picks;
    return settling > 0 ? this.inFlight + settling * this.#lack : this.inFlight;
  }

  /** The node is chosen. */
  begin(): void {
    this.inFlight += 1;
    this.#totals.inFlight += 1;
    this.#totals.picks += 1;
  }

  done(_outcome: string, _elapsedMs: number): void {
    if (this.inFlight === 0) return;
    this.inFlight -= 1;
    this.#totals.inFlight -= 1;
  }
}
