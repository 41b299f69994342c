import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { createDiscovery } from "../src/discovery.ts";
import type { DiscoveryError, ErrorCode } from "../src/error.ts";
import { memoryRegistry } from "../src/memory.ts";
import { type MemoryBackend, memoryBackend } from "../src/memory-backend.ts";
import { defineNode, type ServiceNode } from "../src/node.ts";
import { manualClock, settle } from "./manual-clock.ts";

const input = { service: "orders", host: "10.0.0.1", port: 80 };
const id = "10.0.0.1:80";
const ttlMs = 30_000;

function setUp() {
  const clock = manualClock();
  const backend = memoryBackend({ clock });
  const registry = memoryRegistry({ backend, ttlMs, random: () => 0.5 });
  const discovery = createDiscovery(registry, { clock, random: () => 0.5 });
  return { clock, backend, registry, discovery };
}

const stored = (backend: MemoryBackend): ServiceNode =>
  backend.get("orders", id)?.node as ServiceNode;
const isCode =
  (code: ErrorCode) =>
  (error: DiscoveryError): boolean =>
    error.code === code;

describe("records", () => {
  test("come, change and go at the consumer", async () => {
    const { backend, registry, discovery } = setUp();
    const view = discovery.service("orders");
    await settle();
    assert.equal(view.snapshot.state, "fresh", "empty, and known to be");
    const registration = await registry.register({ ...input, metadata: { ключ: "日本" } });
    await settle();
    assert.equal(view.nodes[0]?.metadata["ключ"], "日本");
    await registration.update({ weight: 7 });
    await settle();
    assert.equal(view.nodes[0]?.weight, 7);
    await registration.deregister();
    await settle();
    assert.equal(backend.get("orders", id), undefined);
    await discovery[Symbol.asyncDispose]();
    assert.equal(backend.openWatches, 0);
  });

  test("run out without heartbeats", async () => {
    const { clock, backend } = setUp();
    const expiresAtMs = clock.monotonicMs() + 10_000;
    backend.put("orders", id, { node: input, expiresAtMs });
    await clock.advance(9_999);
    assert.ok(backend.get("orders", id));
    await clock.advance(1);
    assert.equal(backend.get("orders", id), undefined);
    assert.equal(clock.timers, 0);
  });

  test("that are garbage are rejected beside the good ones", async () => {
    const { backend, discovery } = setUp();
    const view = discovery.service("orders");
    const garbage = [null, 7, "x", [], {}, { ...input, port: 0 }, { ...input, weight: "many" }];
    garbage.forEach((node, index) => backend.put("orders", `bad-${index}`, { node }));
    backend.put("orders", id, { node: input });
    await settle();
    assert.deepEqual(
      view.nodes.map((node) => node.id),
      [id],
    );
    assert.equal(view.snapshot.rejected.length, garbage.length);
    assert.ok(view.snapshot.rejected.every(({ error }) => error.code === "RECORD"));
    await discovery[Symbol.asyncDispose]();
  });

  test("services and scopes are told apart", async () => {
    const { backend, registry } = setUp();
    const { signal } = new AbortController();
    for (const service of ["a", "a-b", "a/b", "A", "__proto__"]) {
      backend.put(service, "x", { node: { ...input, zone: service } });
      backend.put(service, "x", { node: { ...input, zone: `n ${service}` } }, { namespace: "n" });
    }
    for (const service of ["a", "a-b", "a/b", "A", "__proto__"]) {
      const plain = await registry.read({ service }, signal);
      assert.deepEqual(
        plain.nodes.map(({ zone }) => zone),
        [service],
      );
      const scoped = await registry.read({ service, scope: { namespace: "n" } }, signal);
      assert.equal(scoped.nodes[0]?.zone, `n ${service}`);
    }
    assert.deepEqual(await registry.services(), ["A", "__proto__", "a", "a-b", "a/b"]);
    assert.equal((await registry.services({ scope: { namespace: "n" } })).length, 5);
    assert.deepEqual(await registry.services({ scope: { namespace: "other" } }), []);
    await assert.rejects(registry.services({ scope: { dc: "x" } }), isCode("INVALID"));
    assert.throws(() => registry.register(input, { scope: { dc: "x" } }), isCode("INVALID"));
    assert.throws(() => registry.register(input, { ttlMs: 0 }), isCode("INVALID"));
    assert.throws(() => registry.register({ ...input, port: 0 }), isCode("INVALID"));
    assert.throws(() => memoryRegistry({ ttl: 1 } as object), isCode("INVALID"));
  });
});

describe("registrations", () => {
  test("a corrupted record is put back, an operator's override is kept", async () => {
    const { clock, backend, registry } = setUp();
    const registration = await registry.register(input);
    const record = backend.get("orders", id);
    backend.put("orders", id, { ...record, node: record?.node, override: { weight: 3 } });
    await clock.advance(ttlMs);
    assert.equal(registration.state.generation, 1);
    const override = backend.get("orders", id)?.override;
    backend.put("orders", id, { node: "garbage", override });
    await clock.advance(ttlMs);
    assert.equal(stored(backend).host, input.host);
    assert.deepEqual(backend.get("orders", id)?.override, { weight: 3 });
    assert.equal(registration.state.generation, 2);
    await registry[Symbol.asyncDispose]();
  });

  test("a restarted process takes its record over, and the old one's end does not remove it", async () => {
    const { clock, backend } = setUp();
    const old = memoryRegistry({ backend, ttlMs, random: () => 0.5 });
    const restarted = memoryRegistry({ backend, ttlMs, random: () => 0.5 });
    const before = await old.register(input);
    const after = await restarted.register({ ...input, weight: 9 });
    await old[Symbol.asyncDispose]();
    assert.equal(before.state.phase, "closed");
    assert.equal(stored(backend).weight, 9);
    await clock.advance(ttlMs * 3);
    assert.equal(after.state.phase, "registered");
    assert.equal(after.state.generation, 1);
    await restarted[Symbol.asyncDispose]();
    assert.equal(backend.get("orders", id), undefined);
  });

  test("the registry's end waits for what is being entered, and takes it back", async () => {
    const { clock, backend, registry } = setUp();
    backend.stall();
    const entering = registry.register(input);
    entering.catch(() => undefined);
    await settle();
    const ending = registry[Symbol.asyncDispose]();
    await settle();
    backend.recover();
    await clock.advance(10_000);
    await ending;
    await assert.rejects(entering, isCode("CLOSED"));
    assert.equal(backend.get("orders", id), undefined);
    assert.equal(clock.timers, 0);
    await assert.rejects(registry.register(input), isCode("CLOSED"));
  });

  test("one that is accepted as the registry ends is taken back as well", async () => {
    for (let turns = 0; turns < 30; turns += 1) {
      const { clock, backend, registry } = setUp();
      const entering = registry.register(input).catch((error: DiscoveryError) => error.code);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await registry[Symbol.asyncDispose]();
      await entering;
      assert.equal(backend.get("orders", id), undefined, `after ${turns} turns`);
      await clock.advance(ttlMs * 2);
      assert.equal(backend.get("orders", id), undefined);
    }
  });

  test("a wiped backend gets its registrations back while consumers serve on", async () => {
    const { clock, backend, registry, discovery } = setUp();
    const view = discovery.service("orders");
    const ports = [80, 81, 82, 83];
    const registrations = await Promise.all(
      ports.map((port) => registry.register({ ...input, port })),
    );
    await settle();
    const served = view.nodes;
    assert.equal(served.length, 4);
    backend.wipe();
    for (let step = 0; step < 120; step += 1) {
      await clock.advance(100);
      assert.equal(view.nodes, served, "not one of them was missed");
    }
    assert.equal(view.snapshot.state, "fresh");
    assert.equal(view.snapshot.held.length, 0);
    assert.ok(registrations.every(({ state }) => state.generation === 2));
    await discovery[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    assert.equal(clock.timers, 0);
    assert.deepEqual(await memoryRegistry({ backend }).services(), []);
  });
});

describe("failures on demand", () => {
  test("a failing backend fails calls and breaks watches; recovered, it is read anew", async () => {
    const { clock, backend, registry, discovery } = setUp();
    const view = discovery.service("orders");
    backend.put("orders", id, { node: input });
    await settle();
    backend.fail("AUTH");
    await settle();
    assert.equal(view.snapshot.cause?.code, "AUTH");
    assert.equal(view.nodes.length, 1);
    await assert.rejects(registry.services(), isCode("AUTH"));
    backend.delete("orders", id);
    backend.put("orders", "other", { node: { ...input, port: 81 } });
    backend.recover();
    await clock.advance(30_000);
    assert.equal(view.snapshot.state, "fresh");
    assert.deepEqual(
      view.snapshot.all.map((node) => node.id),
      ["other"],
    );
    await discovery[Symbol.asyncDispose]();
  });

  test("a stalled backend answers nobody until it recovers, and an abort ends the wait", async () => {
    const { backend, registry, discovery } = setUp();
    const view = discovery.service("orders");
    await settle();
    backend.stall();
    backend.put("orders", id, { node: input });
    const abort = new AbortController();
    const reading = registry.read({ service: "orders" }, abort.signal);
    await settle();
    assert.equal(view.nodes.length, 0);
    const reason = new Error("enough");
    abort.abort(reason);
    await assert.rejects(reading, (error) => error === reason);
    backend.recover();
    await settle();
    assert.equal(view.nodes.length, 1);
    await discovery[Symbol.asyncDispose]();
    assert.equal(backend.openWatches, 0);
  });

  test("counts what reached it", async () => {
    const { backend, registry, discovery } = setUp();
    const views = Array.from({ length: 50 }, () => discovery.service("orders"));
    await settle();
    assert.equal(backend.openWatches, 1);
    assert.equal(backend.calls.watch, 1);
    assert.equal(views[0]?.snapshot, views[49]?.snapshot);
    await registry.register(defineNode(input));
    assert.deepEqual({ ...backend.calls }, { read: 0, watch: 1, write: 1 });
    await discovery[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });
});
