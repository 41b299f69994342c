import { sameAddress, type ServiceNode } from "@rollcall/core";

import type { Balancer, Picked } from "./balancer.ts";
import { Turn } from "./turn-ring.ts";
import { TurnSchedule } from "./turn-schedule.ts";

/**
 * Smooth weighted round robin.
 *
 * Exact: weights 3, 2 and 1 give 3, 2 and 1 of every 6 picks, spread out rather than in a row. Equal
 * weights take turns in the order of the array. Weights may be fractions and of any size. Updates
 * of the node set keep every node's place.
 */
export function roundRobin(): Balancer {
  return new RoundRobin();
}

class RoundRobin implements Balancer {
  #nodes: readonly ServiceNode[] | undefined;
  #generation = 0;
  readonly #turns = new Map<string, Turn>();
  /** One per priority, highest first. */
  #groups: readonly TurnSchedule[] = [];

  pick(
    nodes: readonly ServiceNode[],
    _key?: string,
    skip?: (node: ServiceNode) => boolean,
  ): Picked | undefined {
    if (nodes !== this.#nodes) this.#update(nodes);
    for (const group of this.#groups) {
      const turn = group.pick(skip);
      if (turn !== undefined) return turn;
    }
    return undefined;
  }

  #update(nodes: readonly ServiceNode[]): void {
    this.#nodes = nodes;
    if (this.#refresh(nodes)) return;
    for (const group of this.#groups) group.writeWaits();
    this.#generation += 1;
    const byPriority = new Map<number, Turn[]>();
    for (const node of nodes) {
      if (!isWeighted(node)) continue;
      const turn = this.#turnOf(node);
      if (turn === undefined) continue;
      const group = byPriority.get(node.priority);
      if (group === undefined) byPriority.set(node.priority, [turn]);
      else group.push(turn);
    }
    for (const [id, turn] of this.#turns) {
      if (turn.generation !== this.#generation) this.#turns.delete(id);
    }
    this.#groups = [...byPriority]
      .sort(([a], [b]) => b - a)
      .map(([, turns]) => new TurnSchedule(turns));
  }

  /** Takes over nodes that changed in nothing the schedule depends on. */
  #refresh(nodes: readonly ServiceNode[]): boolean {
    let known = 0;
    for (const node of nodes) {
      if (!isWeighted(node)) continue;
      const turn = this.#turns.get(node.id);
      if (turn === undefined || !isInterchangeable(turn.node, node)) return false;
      known += 1;
    }
    if (known !== this.#turns.size) return false;
    for (const node of nodes) {
      const turn = this.#turns.get(node.id);
      if (turn !== undefined && isWeighted(node)) turn.node = node;
    }
    return true;
  }

  /** The node's turn, new unless the same node had one; `undefined` for an id seen twice. */
  #turnOf(node: ServiceNode): Turn | undefined {
    const known = this.#turns.get(node.id);
    if (known?.generation === this.#generation) return undefined;
    const turn = known !== undefined && sameAddress(known.node, node) ? known : new Turn(node);
    turn.node = node;
    turn.generation = this.#generation;
    this.#turns.set(node.id, turn);
    return turn;
  }
}

function isWeighted(node: ServiceNode): boolean {
  return node.weight > 0 && node.weight < Infinity;
}

function isInterchangeable(a: ServiceNode, b: ServiceNode): boolean {
  return sameAddress(a, b) && a.weight === b.weight && a.priority === b.priority;
}
