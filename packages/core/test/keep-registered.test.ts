import assert from "node:assert/strict";

import { test } from "vitest";

import {
  defineNode,
  type DiscoveryError,
  type MemoryBackend,
  memoryBackend,
  memoryRegistry,
  type ServiceNode,
} from "../src/index.ts";
import { until } from "./until.ts";

const input = { service: "orders", host: "127.0.0.1", port: 8080 };

function stored(backend: MemoryBackend): ServiceNode | undefined {
  return backend.get("orders", "127.0.0.1:8080")?.node as ServiceNode | undefined;
}

test("a deleted record is put back, a removed one is not", async () => {
  const backend = memoryBackend();
  await using registry = memoryRegistry({ backend, ttlMs: 1_500 });
  const registration = await registry.register(input);
  assert.equal(registration.state.phase, "registered");
  backend.delete("orders", "127.0.0.1:8080");
  await until(() => registration.state.generation === 2, "the second entry");
  assert.ok(backend.get("orders", "127.0.0.1:8080"));
  await registration.deregister();
  assert.equal(backend.get("orders", "127.0.0.1:8080"), undefined);
  assert.equal(registration.state.phase, "closed");
});

test("the younger owner wins and the elder does not fight", async () => {
  const backend = memoryBackend();
  // Long enough that the younger one's record never expires, which would make it enter again.
  await using elderRegistry = memoryRegistry({ backend, ttlMs: 3_000 });
  await using youngerRegistry = memoryRegistry({ backend, ttlMs: 3_000 });
  const elder = await elderRegistry.register(input);
  const younger = await youngerRegistry.register({ ...input, weight: 7 });
  await until(() => elder.state.phase === "lost", "the elder to notice");
  assert.equal(elder.state.cause?.code, "CONFLICT");
  await elder.deregister();
  assert.equal(stored(backend)?.weight, 7);
  assert.equal(younger.state.generation, 1);
});

test("an update is desired at once and reaches the backend after an outage", async () => {
  const backend = memoryBackend();
  await using registry = memoryRegistry({ backend, ttlMs: 60 });
  const registration = await registry.register(input);
  backend.fail("UNAVAILABLE");
  const updated = registration.update({ weight: 5 });
  assert.equal(registration.node.weight, 5);
  await until(() => registration.state.phase === "lost", "the loss");
  backend.recover();
  await updated;
  assert.equal(stored(backend)?.weight, 5);
});

test("register retries what may pass and gives up on what will not", async () => {
  const backend = memoryBackend();
  await using registry = memoryRegistry({ backend, ttlMs: 60 });
  backend.fail("AUTH");
  await assert.rejects(registry.register(input), (error: DiscoveryError) => error.code === "AUTH");
  backend.fail("UNAVAILABLE");
  const registering = registry.register(input);
  await until(() => backend.calls.write > 3, "some attempts");
  backend.recover();
  assert.equal((await registering).state.phase, "registered");
});

test("an aborted register rejects with the reason and leaves nothing", async () => {
  const backend = memoryBackend();
  await using registry = memoryRegistry({ backend, ttlMs: 60 });
  backend.stall();
  const abort = new AbortController();
  const registering = registry.register(input, { signal: abort.signal });
  const reason = new Error("changed my mind");
  abort.abort(reason);
  setTimeout(() => backend.recover(), 20);
  await assert.rejects(registering, (error) => error === reason);
  assert.equal(backend.get("orders", "127.0.0.1:8080"), undefined);
});

test("deregister drains, then removes; disposing cuts the draining short", async () => {
  const backend = memoryBackend();
  await using registry = memoryRegistry({ backend, ttlMs: 6_000 });
  const registration = await registry.register(input);
  const closing = registration.deregister({ drainMs: 600_000 });
  const status = (): unknown => stored(backend)?.status;
  await until(() => status() === "draining", "draining to show");
  await registration[Symbol.asyncDispose]();
  await closing;
  assert.equal(status(), undefined);
});

test("states are iterated newest first and end with closed", async () => {
  const backend = memoryBackend();
  await using registry = memoryRegistry({ backend, ttlMs: 60 });
  const registration = await registry.register(defineNode(input));
  const phases: string[] = [];
  const reading = (async () => {
    for await (const state of registration) phases.push(state.phase);
  })();
  await registration.deregister();
  await reading;
  assert.equal(phases[0], "registered");
  assert.equal(phases.at(-1), "closed");
});
