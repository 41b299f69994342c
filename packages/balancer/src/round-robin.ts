import { Agenda } from "./agenda.ts";
import { balancerOf, type Group } from "./algorithm.ts";
import type { Balancer } from "./balancer.ts";
import { Rotation } from "./rotation.ts";
import { Turn } from "./turn.ts";

/**
 * Smooth weighted round robin: exact shares over each cycle, turns spread evenly.
 *
 * Equal weights cost O(1) per pick, unequal ones O(log n). An update keeps every remaining node's place:
 * nobody is favoured because somebody else came or went, and a new node waits for its first turn like
 * everybody else.
 *
 * @see https://nginx.org/en/docs/http/ngx_http_upstream_module.html#upstream
 */
export function roundRobin(): Balancer {
  return balancerOf({ meet: (node, first) => new Turn(node, first), arrange: scheduleOf });
}

function scheduleOf(turns: readonly Turn[]): Group<Turn> {
  const weight = turns[0]?.node.weight;
  const equal = turns.every((turn) => turn.node.weight === weight);
  return equal ? new Rotation(turns) : new Agenda(turns);
}
