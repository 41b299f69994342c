import type { ServiceNode } from "@rollcall/core";

import type { Balancer, Picked } from "./balancer.ts";
import { Ledger, type NodeState } from "./ledger.ts";

/** Nodes that may not be chosen this time. */
export type Skip = (node: ServiceNode) => boolean;

/** What an algorithm knows of one node, and what `pick` hands out. */
export type Member = NodeState & Picked;

/** The members of one priority whose weight is above zero. */
export interface Group<M extends Member> {
  /** The next member that `skip` does not refuse; `undefined` when it refuses all. */
  pick(skip: Skip | undefined, key: string | undefined): M | undefined;
  /** Told before the next update, to write down in the members what must outlive the group. */
  pause?(): void;
}

/** What makes one algorithm different from the next. */
export interface Algorithm<M extends Member, G extends Group<M>> {
  /** Starts to know a node. `first`: it came with the first list, so it is no newcomer among others. */
  meet(node: ServiceNode, first: boolean): M;
  /** Makes the group of one priority. `before` is what it replaces. */
  arrange(members: readonly M[], before: G | undefined): G;
}

/** Does what all algorithms have in common: updates by identity of the list, states, priorities, weight 0. */
export function balancerOf<M extends Member, G extends Group<M>>(
  algorithm: Algorithm<M, G>,
): Balancer {
  return new PriorityBalancer(algorithm);
}

class PriorityBalancer<M extends Member, G extends Group<M>> implements Balancer {
  readonly #algorithm: Algorithm<M, G>;
  readonly #ledger: Ledger<M>;
  #nodes: readonly ServiceNode[] | undefined;
  #byPriority = new Map<number, G>();
  /** Highest priority first. */
  #groups: readonly G[] = [];

  constructor(algorithm: Algorithm<M, G>) {
    this.#algorithm = algorithm;
    this.#ledger = new Ledger((node, first) => algorithm.meet(node, first));
  }

  pick(nodes: readonly ServiceNode[], key?: string, skip?: Skip): Picked | undefined {
    if (nodes !== this.#nodes) this.#update(nodes);
    for (const group of this.#groups) {
      const member = group.pick(skip, key);
      if (member !== undefined) return member;
    }
    return undefined;
  }

  #update(nodes: readonly ServiceNode[]): void {
    for (const group of this.#groups) group.pause?.();
    this.#ledger.update(nodes);
    const members = new Map<number, M[]>();
    for (const member of this.#ledger.values) {
      const { priority, weight } = member.node;
      if (weight <= 0) continue;
      const others = members.get(priority);
      if (others === undefined) members.set(priority, [member]);
      else others.push(member);
    }
    const before = this.#byPriority;
    this.#byPriority = new Map();
    for (const priority of [...members.keys()].sort((a, b) => b - a)) {
      const group = this.#algorithm.arrange(members.get(priority) ?? [], before.get(priority));
      this.#byPriority.set(priority, group);
    }
    this.#groups = [...this.#byPriority.values()];
    this.#nodes = nodes;
  }
}
