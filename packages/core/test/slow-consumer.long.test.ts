import assert from "node:assert/strict";
import { test } from "vitest";

import { createDiscovery } from "../src/discovery.ts";
import { memoryRegistry } from "../src/memory.ts";
import { memoryBackend } from "../src/memory-backend.ts";
import { inConstantMemory } from "./heap.ts";

test("100 000 updates with stalled consumers in constant memory", async () => {
  const backend = memoryBackend();
  const registry = memoryRegistry({ backend });
  const discovery = createDiscovery(registry);
  const view = discovery.service("orders");
  await view.ready();
  // One that took a value and never came back, one that waits for ever in its loop's body.
  const stalled = view[Symbol.asyncIterator]();
  await stalled.next();
  const body = Promise.withResolvers<void>();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { sequence } of view) {
      seen.push(sequence);
      await body.promise;
    }
  })();
  await inConstantMemory(async (round) => {
    for (let n = 0; n < 10_000; n += 1) {
      backend.put("orders", `n${n % 20}`, {
        node: { service: "orders", host: "10.0.0.1", port: 1 + (n % 20), weight: n + round },
      });
      // A turn of the loop for each, so that none is skipped on the way to the view.
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  assert.ok(view.snapshot.sequence >= 100_000, `${view.snapshot.sequence} snapshots`);
  const newest = view.snapshot;
  assert.equal((await stalled.next()).value, newest);
  body.resolve();
  while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
  view[Symbol.dispose]();
  await reading;
  assert.deepEqual(seen.slice(1), [newest.sequence]);
  await discovery[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});
