/**
 * Picks per second for 1 to 10 000 nodes, beside the algorithm everybody else uses (nginx's smooth
 * weighted round robin, which scans all nodes), in one run.
 *
 *     pnpm bench pick
 */
import { roundRobin } from "@rollcall/balancer";
import { defineNode, type ServiceNode } from "@rollcall/core";

const seconds = 0.3;

function nodesOf(count: number, equal: boolean): ServiceNode[] {
  return Array.from({ length: count }, (_, index) =>
    defineNode({
      service: "s",
      id: `n${index}`,
      host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      port: 8080,
      weight: equal ? 100 : 1 + ((index * 37) % 100),
    }),
  );
}

/** The reference: each pick adds every weight and takes the largest. */
function scanning(nodes: readonly ServiceNode[]): () => unknown {
  const current = new Float64Array(nodes.length);
  const total = nodes.reduce((sum, node) => sum + node.weight, 0);
  return () => {
    let best = 0;
    for (let index = 0; index < nodes.length; index += 1) {
      current[index] = (current[index] ?? 0) + (nodes[index]?.weight ?? 0);
      if ((current[index] ?? 0) > (current[best] ?? 0)) best = index;
    }
    current[best] = (current[best] ?? 0) - total;
    return nodes[best];
  };
}

function millionsPerSecond(pick: () => unknown): number {
  for (let warm = 0; warm < 20_000; warm += 1) pick();
  let picks = 0;
  const startedAtMs = performance.now();
  let elapsedMs = 0;
  while (elapsedMs < seconds * 1000) {
    for (let batch = 0; batch < 1000; batch += 1) pick();
    picks += 1000;
    elapsedMs = performance.now() - startedAtMs;
  }
  return picks / elapsedMs / 1000;
}

/** Time of a pick after one of the nodes changed: the schedule is rebuilt. */
function updateMs(nodes: ServiceNode[]): number {
  const balancer = roundRobin();
  const other = nodes.map((node, index) =>
    index === 0 ? defineNode({ ...node, metadata: { changed: "1" } }) : node,
  );
  for (let warm = 0; warm < 20; warm += 1) balancer.pick(warm % 2 === 0 ? nodes : other);
  const rounds = 20;
  const startedAtMs = performance.now();
  for (let round = 0; round < rounds; round += 1) balancer.pick(round % 2 === 0 ? nodes : other);
  return (performance.now() - startedAtMs) / rounds;
}

console.log("million picks per second            | ms for a pick after an update");
console.log("nodes   weights   rollcall   scanning | rollcall");
for (const equal of [true, false]) {
  for (const count of [1, 10, 100, 10_000]) {
    const nodes = nodesOf(count, equal);
    const balancer = roundRobin();
    const ours = millionsPerSecond(() => balancer.pick(nodes));
    const theirs = millionsPerSecond(scanning(nodes));
    console.log(
      `${String(count).padEnd(8)}${(equal ? "equal" : "unequal").padEnd(10)}` +
        `${ours.toFixed(2).padStart(8)}${theirs.toFixed(3).padStart(11)} | ${updateMs(nodes).toFixed(3)}`,
    );
  }
}
