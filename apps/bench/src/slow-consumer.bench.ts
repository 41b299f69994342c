/**
 * 100 000 updates of a service while one consumer never reads on: memory stays where it was.
 *
 *     pnpm bench slow-consumer
 */
import { createDiscovery, memoryBackend, memoryRegistry } from "@rollcall/core";

import { cpuMs, heapBytes, nodeOf, report } from "./measure.ts";
import { takeNoFlags } from "./no-flags.ts";

takeNoFlags("slow-consumer", "memory while one consumer never reads on", process.argv.slice(2));

const updates = 100_000;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const backend = memoryBackend();
const registry = memoryRegistry({ backend });
const discovery = createDiscovery(registry);
const view = discovery.service("orders");
await view.ready();
const stalled = view[Symbol.asyncIterator]();
await stalled.next();

async function update(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) {
    backend.put("orders", `n${n % 20}`, { node: nodeOf(n % 20, String(n)) });
    await turn();
  }
}

await update(0, 10_000);
const before = heapBytes();
const { sequence } = view.snapshot;
const startedAtMs = cpuMs();
await update(10_000, 10_000 + updates);
const perUpdateUs = ((cpuMs() - startedAtMs) * 1_000) / updates;
const grownKiB = (heapBytes() - before) / 1024;
if (view.snapshot.sequence - sequence < updates) throw new Error("updates were skipped");
if ((await stalled.next()).value !== view.snapshot) throw new Error("not the newest snapshot");

report(`heap grown by ${updates} updates, one consumer stalled`, Math.max(0, grownKiB), "KiB", 256);
report("update to snapshot, 20 nodes", perUpdateUs, "us CPU", 200);
await discovery[Symbol.asyncDispose]();
await registry[Symbol.asyncDispose]();
