import type { Balancer, BalancerType } from "@rollcall/balancer";

/**
 * A balancer that begins a part of its turn later, so that several processes that start at the same time do
 * not all begin with the same node. The turn goes on as ever from there.
 *
 * @param share  How much of one turn around all nodes is left out at the first request, 0 to 1.
 * @returns `balancer` itself where there is no order to begin with: `chash` means the same node in every
 *   process, `p2c` and `ewma` draw.
 */
export function staggered(balancer: Balancer, type: BalancerType, share: number): Balancer {
  if (share === 0 || (type !== "roundrobin" && type !== "least_conn")) return balancer;
  let begun = false;
  return {
    get ejected() {
      return balancer.ejected;
    },
    get warming() {
      return balancer.warming;
    },
    pick(nodes, key, skip) {
      if (!begun && nodes.length > 0) {
        begun = true;
        for (let left = Math.floor(nodes.length * share); left > 0; left -= 1) {
          balancer.pick(nodes)?.done("cancelled", 0);
        }
      }
      return balancer.pick(nodes, key, skip);
    },
  };
}
