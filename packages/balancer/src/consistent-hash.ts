import { balancerOf } from "./algorithm.ts";
import type { Balancer } from "./balancer.ts";
import { Ring, RingMember } from "./ring.ts";

/**
 * Consistent hashing: the key given to `pick` decides, so one user, session or object stays with one node.
 *
 * A ketama-style ring. Removing one of n nodes of equal weight moves 1/n of the keys, those it had; adding
 * one moves only those it gets. A key whose node is skipped goes to the next node on the ring, and back
 * when it is not. The ring depends on the ids and weights alone, so all processes agree. Without a key, or with
 * an empty one, requests are spread over the ring. Costs O(log n) per pick, O(n) per update.
 *
 * @see https://www.metabrew.com/article/libketama-consistent-hashing-algo-memcached-clients
 */
export function consistentHash(): Balancer {
  return balancerOf({
    meet: (node) => new RingMember(node),
    arrange: (members, before: Ring | undefined) => new Ring(members, before),
  });
}
