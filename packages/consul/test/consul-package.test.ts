import assert from "node:assert/strict";

import { until } from "@rollcall/testbed";
import Consul from "consul";
import { test } from "vitest";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";
import { entry, type FakeConsul, fakeConsul } from "./fake-consul.ts";

// Why the adapter is not built on the npm package `consul`: each test shows the package and the adapter before the same
// server. One that fails means that the package has changed, and docs/adr/0008 with it.

const options: ConsulOptions = { timeouts: { readMs: 10_000, waitMs: 1_000 } };

function clientOf({ port }: FakeConsul): Consul {
  return new Consul({ host: "127.0.0.1", port });
}

test("weights, and whether tags may be changed, are not sent", async () => {
  const bodies: unknown[] = [];
  await using consul = await fakeConsul(async ({ path }, response) => {
    if (path !== "/v1/agent/service/register") return undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of response.req) chunks.push(chunk as Buffer);
    bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
    return { body: "" };
  });
  const record = { name: "web", weights: { passing: 7, warning: 1 }, enableTagOverride: true };
  await clientOf(consul).agent.service.register(record);
  assert.deepEqual(bodies, [{ Name: "web" }]);
});

test("an answer that breaks off never settles a call", async () => {
  await using consul = await fakeConsul(({ path }, response) => {
    if (!path.startsWith("/v1/health")) return undefined;
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write("[");
    setTimeout(() => response.destroy(), 20);
    return new Promise(() => undefined);
  });
  let settled = 0;
  const count = (): void => {
    settled += 1;
  };
  clientOf(consul).health.service("web").then(count, count);
  await until(() => consul.reads.length === 1, { what: "its request" });
  await using registry = consulRegistry({ ...options, servers: consul.url });
  for (let round = 0; round < 3; round += 1) {
    const read = registry.read({ service: "web" }, AbortSignal.timeout(10_000));
    await assert.rejects(read, { code: "UNAVAILABLE" });
  }
  assert.equal(settled, 0);
});

test("a signal does not end a call", async () => {
  let gone = 0;
  await using consul = await fakeConsul(({ path }, response) => {
    if (!path.startsWith("/v1/health")) return undefined;
    response.once("close", () => {
      gone += 1;
    });
    return new Promise(() => undefined);
  });
  const stop = new AbortController();
  const query = { service: "web", signal: stop.signal };
  clientOf(consul)
    .health.service(query)
    .catch(() => undefined);
  await using registry = consulRegistry({ ...options, servers: consul.url });
  const read = registry.read({ service: "web" }, stop.signal);
  await until(() => consul.reads.length === 2, { what: "both requests" });
  stop.abort(new Error("enough"));
  await assert.rejects(read, /enough/);
  await until(() => gone > 0, { what: "our connection to end" });
  assert.equal(gone, 1);
});

test("a server that does not block is asked in a hot loop", async () => {
  const server = (): Promise<FakeConsul> =>
    fakeConsul(({ path }) =>
      path.startsWith("/v1/health") ? { index: 7, body: [entry("a")] } : undefined,
    );
  await using theirs = await server();
  await using ours = await server();
  const client = clientOf(theirs);
  // It is called with the client's own `this`.
  // oxlint-disable-next-line typescript/unbound-method
  const watch = client.watch({ method: client.health.service, options: { service: "web" } });
  watch.on("error", () => undefined);
  await using registry = consulRegistry({ ...options, servers: ours.url });
  const stop = new AbortController();
  const following = (async () => {
    for await (const _ of registry.watch({ service: "web" }, stop.signal));
  })().catch(() => undefined);
  await until(() => ours.reads.length > 0 && theirs.reads.length > 100, { what: "its requests" });
  watch.end();
  assert.ok(ours.reads.length < 5, `${ours.reads.length}`);
  stop.abort(new Error("enough"));
  await following;
});
