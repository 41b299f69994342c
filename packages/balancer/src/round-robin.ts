import { sameAddress, type ServiceNode } from "@rollcall/core";

import { Agenda } from "./agenda.ts";
import type { Balancer, Picked } from "./balancer.ts";
import { Rotation } from "./rotation.ts";
import type { Schedule } from "./schedule.ts";
import { Turn } from "./turn.ts";

/**
 * Smooth weighted round robin: exact shares over each cycle, turns spread evenly.
 *
 * Equal weights cost O(1) per pick, unequal ones O(log n). An update keeps every remaining node's place:
 * nobody is favoured because somebody else came or went, and a new node waits for its first turn like
 * everybody else.
 */
export function roundRobin(): Balancer {
  return new RoundRobin();
}

class RoundRobin implements Balancer {
  #nodes: readonly ServiceNode[] | undefined;
  #turns = new Map<string, Turn>();
  /** One schedule per priority, highest first. */
  #groups: readonly Schedule[] = [];

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
    for (const group of this.#groups) group.pause();
    const before = this.#turns;
    const byPriority = new Map<number, Turn[]>();
    this.#turns = new Map();
    for (const node of nodes) {
      if (node.weight <= 0) continue;
      const turn = reuse(before.get(node.id), node) ?? new Turn(node, newcomerWait(before.size));
      this.#turns.set(node.id, turn);
      const group = byPriority.get(node.priority);
      if (group === undefined) byPriority.set(node.priority, [turn]);
      else group.push(turn);
    }
    this.#groups = [...byPriority].sort(([a], [b]) => b - a).map(([, turns]) => scheduleOf(turns));
    this.#nodes = nodes;
  }
}

/** In a fresh list all wait alike; in a living one a newcomer lets a whole period pass. */
function newcomerWait(known: number): number {
  return known === 0 ? 0.5 : 1;
}

function reuse(turn: Turn | undefined, node: ServiceNode): Turn | undefined {
  if (turn === undefined || !sameAddress(turn.node, node)) return undefined;
  turn.node = node;
  return turn;
}

function scheduleOf(turns: readonly Turn[]): Schedule {
  const weight = turns[0]?.node.weight;
  const equal = turns.every((turn) => turn.node.weight === weight);
  return equal ? new Rotation(turns) : new Agenda(turns);
}
