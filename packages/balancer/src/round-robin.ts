import { Agenda } from "./agenda.ts";
import { balancerOf } from "./algorithm.ts";
import type { Balancer } from "./balancer.ts";
import { Turn } from "./turn.ts";

/**
 * Smooth weighted round robin: exact shares over each cycle, turns spread evenly.
 *
 * Costs O(log k) per pick for k different weights: O(1) when they are equal. An update keeps every remaining
 * node's place: nobody is favoured because somebody else came or went, and a new node waits for its first turn
 * like everybody else.
 *
 * @see https://nginx.org/en/docs/http/ngx_http_upstream_module.html#upstream
 */
export function roundRobin(): Balancer {
  return balancerOf({
    meet: (node, first) => new Turn(node, first),
    arrange: (turns) => new Agenda(turns),
  });
}
