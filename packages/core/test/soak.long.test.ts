import assert from "node:assert/strict";

import { test } from "vitest";

import { createDiscovery } from "../src/discovery.ts";
import { DiscoveryError } from "../src/error.ts";
import { fixedView } from "../src/fixed.ts";
import { memoryRegistry } from "../src/memory.ts";
import { memoryBackend } from "../src/memory-backend.ts";
import { merge } from "../src/merge.ts";
import { inConstantMemory } from "./heap.ts";
import { manualClock } from "./manual-clock.ts";
import { recordScript, ttlMs } from "./record-script.ts";
import { nodes } from "./scripted-registry.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("30 000 failed watches, each tried again", async () => {
  const clock = manualClock();
  const backend = memoryBackend({ clock });
  const registry = memoryRegistry({ backend });
  const discovery = createDiscovery(registry, { clock, random: () => 0.5 });
  for (const node of nodes(0, 20)) backend.put("orders", node.id, { node });
  const view = discovery.service("orders");
  await inConstantMemory(async () => {
    for (let n = 0; n < 3_000; n += 1) {
      backend.fail("UNAVAILABLE");
      await turn();
      backend.recover();
      await clock.advance(clock.nextInMs ?? 0);
    }
  });
  assert.ok(backend.calls.watch >= 30_000, `${backend.calls.watch} watches`);
  assert.equal(view.nodes.length, 20);
  await discovery[Symbol.asyncDispose]();
  assert.equal(backend.openWatches, 0);
  assert.equal(clock.timers, 0);
});

test("100 000 views opened and closed, merged and awaited", async () => {
  const backend = memoryBackend();
  const discovery = createDiscovery(memoryRegistry({ backend }));
  const anchor = discovery.service("orders");
  const abort = new AbortController();
  await inConstantMemory(async () => {
    for (let n = 0; n < 10_000; n += 1) {
      const view = merge(discovery.service(`s${n % 7}`), fixedView("orders", []));
      await view.ready({ signal: abort.signal });
      const iterator = view[Symbol.asyncIterator]();
      await iterator.next();
      if (n % 2 === 0) await iterator.return?.();
      view[Symbol.dispose]();
    }
    await turn();
  });
  assert.equal(anchor.snapshot.state, "fresh");
  assert.equal(backend.openWatches, 1);
  await discovery[Symbol.asyncDispose]();
});

test("100 000 heartbeats, with losses, updates and failures among them", async () => {
  const script = recordScript();
  const registration = await script.register();
  await inConstantMemory(async () => {
    for (let n = 0; n < 10_000; n += 1) {
      if (n % 100 === 7) script.forget();
      script.set("renew", n % 31 === 0 ? "TIMEOUT" : "ok");
      if (n % 50 === 0) registration.update({ weight: n + 1 }).catch(() => undefined);
      await script.clock.advance(ttlMs / 3);
    }
    script.log.length = 0;
  });
  assert.ok(registration.state.generation > 100, `${registration.state.generation} generations`);
  await registration.deregister();
  assert.equal(script.clock.timers, 0);
});

test("10 000 severe losses, each read and believed", async () => {
  const clock = manualClock();
  const backend = memoryBackend({ clock });
  const discovery = createDiscovery(memoryRegistry({ backend }), { clock, random: () => 0.5 });
  const view = discovery.service("orders");
  const set = nodes(0, 8);
  await inConstantMemory(async () => {
    for (let n = 0; n < 1_000; n += 1) {
      for (const node of set) backend.put("orders", node.id, { node });
      await clock.advance(10);
      for (const node of set) backend.delete("orders", node.id);
      await clock.advance(10);
    }
  });
  assert.equal(view.nodes.length, 0);
  assert.equal(backend.calls.read, 10_000);
  await discovery[Symbol.asyncDispose]();
});

test("errors thrown a hundred thousand times are not kept", async () => {
  const backend = memoryBackend();
  backend.fail("AUTH");
  const registry = memoryRegistry({ backend });
  const abort = new AbortController();
  await inConstantMemory(async () => {
    for (let n = 0; n < 10_000; n += 1) {
      const failed = registry.read({ service: "orders" }, abort.signal);
      await assert.rejects(failed, (error) => error instanceof DiscoveryError);
    }
    await turn();
  });
});
