import { balancerOf } from "./algorithm.ts";
import type { Balancer } from "./balancer.ts";
import { LoadQueue, LoadTurn } from "./load-queue.ts";

/**
 * Least connections: the node with the fewest requests in flight for its weight.
 *
 * Among nodes that are loaded alike, idle ones first of all, it is smooth weighted round robin, so shares
 * follow the weights at every load. Costs O(log n) per pick and per `done`.
 *
 * A newcomer does not get all that comes until it has caught up: it starts as if it had the load of the
 * others, and that fades in about the time that a request takes. So with a node that was skipped for long.
 *
 * @see https://nginx.org/en/docs/http/ngx_http_upstream_module.html#least_conn
 */
export function leastConn(): Balancer {
  return balancerOf({
    meet: (node, first) => new LoadTurn(node, first),
    arrange: (turns, before: LoadQueue | undefined) => new LoadQueue(turns, before),
  });
}
