/**
 * One change in a service of 10 000 nodes: CPU from the node set to the new snapshot, and memory per node.
 *
 *     pnpm bench change
 */
import {
  createDiscovery,
  memoryRegistry,
  type NodeSet,
  type Registry,
  type ServiceQuery,
} from "@rollcall/core";
import { type Latch, latch } from "@rollcall/core/adapter";

import { cpuMs, heapBytes, nodeOf, report, serviceOf } from "./measure.ts";
import { takeNoFlags } from "./no-flags.ts";

takeNoFlags(
  "change",
  "CPU and memory of one change in a service of 10 000 nodes",
  process.argv.slice(2),
);

const count = 10_000;
const rounds = 60;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A registry whose watch is played by the benchmark. */
function played(): { readonly registry: Registry; readonly push: (set: NodeSet) => void } {
  let sets: Latch<NodeSet> | undefined;
  const registry: Registry = Object.assign(memoryRegistry(), {
    watch: (_query: ServiceQuery, signal: AbortSignal) => (sets = latch<NodeSet>(signal)),
  });
  return { registry, push: (set) => sets?.set(set) };
}

/** @param fresh  Whether every node of each set is another object, as after a full decode. */
async function changes(fresh: boolean): Promise<number> {
  const { registry, push } = played();
  const discovery = createDiscovery(registry);
  const view = discovery.service("orders");
  let set = serviceOf(count);
  push({ nodes: set });
  await view.ready();
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const changed = (round * 7919) % count;
    const next = fresh ? serviceOf(count) : [...set];
    next[changed] = nodeOf(changed, `1.${round}`);
    const { sequence } = view.snapshot;
    const startedAtMs = cpuMs();
    push({ nodes: next });
    while (view.snapshot.sequence === sequence) await turn();
    times.push(cpuMs() - startedAtMs);
    set = next;
  }
  await discovery[Symbol.asyncDispose]();
  // The first rounds compile. A mean, for what the collector takes belongs to the price.
  const settled = times.slice(10);
  return settled.reduce((sum, ms) => sum + ms, 0) / settled.length;
}

async function memoryPerNode(): Promise<number> {
  const { registry, push } = played();
  const discovery = createDiscovery(registry);
  const view = discovery.service("orders");
  push({ nodes: [] });
  await view.ready();
  const before = heapBytes();
  push({ nodes: serviceOf(count) });
  while (view.nodes.length !== count) await turn();
  const perNode = (heapBytes() - before) / count;
  await discovery[Symbol.asyncDispose]();
  return perNode;
}

report(`one change in ${count}, other nodes as before`, await changes(false), "ms CPU", 10);
report(`one change in ${count}, all nodes decoded anew`, await changes(true), "ms CPU", 10);
report(`memory, nodes and everything kept about them`, await memoryPerNode(), "B/node", 1024);
