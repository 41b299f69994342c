import { text } from "node:stream/consumers";

import { createDiscovery, type Registration, type Registry } from "@rollcall/core";
import { type EurekaServer, startEurekaServer } from "@rollcall/eureka-server";
import { type Clock, systemClock } from "@rollcall/core/adapter";
import { until } from "@rollcall/testbed";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";
import { plain, startFake } from "./fake-server.ts";
import { type RawEureka, rawEureka } from "./raw-eureka.ts";

let server: EurekaServer;
let raw: RawEureka;
let registries: Registry[] = [];
const ttlMs = 900;
const input = { service: "orders", host: "10.0.0.5", port: 8080 };
const id = "10.0.0.5:orders:8080";

beforeEach(async () => {
  server = await startEurekaServer();
  raw = rawEureka(server.url);
});

afterEach(async () => {
  await Promise.all(registries.map((one) => one[Symbol.asyncDispose]()));
  registries = [];
  await server.close();
});

function connect(options: Partial<EurekaOptions> = {}): Registry {
  const registry = eurekaRegistry({ servers: server.url, intervalMs: 20, ...options });
  registries.push(registry);
  return registry;
}

async function stored(): Promise<Record<string, unknown>> {
  const instance = await raw.instance("orders", id);
  if (instance === undefined) throw new Error("nothing is stored");
  return instance;
}

async function generationAfter(registration: Registration, generation: number): Promise<void> {
  await until(() => registration.state.generation > generation, { what: "a new entry" });
}

describe("a record", () => {
  test("is what Spring would write", async () => {
    const registration = await connect().register({
      ...input,
      zone: "a",
      weight: 5,
      metadata: { version: "1" },
    });
    expect(registration.node.id).toBe(id);
    expect(await stored()).toMatchObject({
      instanceId: id,
      app: "ORDERS",
      hostName: "10.0.0.5",
      ipAddr: "10.0.0.5",
      status: "UP",
      overriddenStatus: "UNKNOWN",
      port: { $: 8080, "@enabled": "true" },
      securePort: { $: 443, "@enabled": "false" },
      vipAddress: "orders",
      secureVipAddress: "orders",
      homePageUrl: "http://10.0.0.5:8080/",
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 90 },
      dataCenterInfo: { name: "MyOwn" },
      metadata: { version: "1", weight: "5", zone: "a" },
    });
  });

  test("takes its other fields from the options, and its lease from the call", async () => {
    const instance = {
      hostName: "orders.example.com",
      vipAddress: "orders-v2",
      secureVipAddress: "orders-s",
      homePageUrl: "https://orders.example.com/",
      statusPageUrl: "https://orders.example.com/info",
      healthCheckUrl: "https://orders.example.com/health",
    };
    const registration = await connect({ instance }).register(
      { ...input, secure: true },
      { ttlMs: 6_500 },
    );
    expect(registration.node.id).toBe("orders.example.com:orders:8080");
    expect(await raw.instance("orders", registration.node.id)).toMatchObject({
      ...instance,
      port: { $: 80, "@enabled": "false" },
      securePort: { $: 8080, "@enabled": "true" },
      leaseInfo: { renewalIntervalInSecs: 2, durationInSecs: 7 },
    });
  });

  test("has the service's name in its id as it was given", async () => {
    const registration = await connect().register({ ...input, service: "ORDERS" });
    expect(registration.node.id).toBe("10.0.0.5:ORDERS:8080");
    const stored = await raw.instance("orders", registration.node.id);
    expect(stored).toMatchObject({ app: "ORDERS", vipAddress: "orders" });
  });

  test("of an IPv6 node has brackets where they belong", async () => {
    const registration = await connect().register({ ...input, host: "::1" });
    expect(registration.node.id).toBe("[::1]:orders:8080");
    expect(await raw.instance("orders", registration.node.id)).toMatchObject({
      ipAddr: "::1",
      homePageUrl: "http://[::1]:8080/",
    });
  });

  test.each([
    [{ ...input, id: "a/b" }, {}, "id must be without / and \\ for Eureka"],
    [{ ...input, service: "a\\b" }, {}, "service must be without / and \\ for Eureka"],
    [{ ...input, service: ".." }, {}, "service must be without"],
    [{ ...input, service: "\ud800" }, {}, "service must be without"],
    [{ ...input, port: 0 }, {}, "port must be an integer from 1 to 65535"],
    [input, { ttlMs: 5 }, "ttlMs must be a number from 300 to 259200000, got 5"],
    [input, { ttlMs: 1e12 }, "ttlMs must be a number from 300 to 259200000"],
    [input, { ttlMs: Number.NaN }, "ttlMs must be a number from 300"],
    [input, { ttlMs: "900" as unknown as number }, "ttlMs must be a number from 300"],
    [input, { ttlMs: null as unknown as number }, "ttlMs must be a number from 300"],
    [input, { scope: { group: "g" } }, "scope key"],
  ])("%j is refused at once", (node, options, reason) => {
    expect(() => void connect().register(node, options)).toThrow(reason);
  });
});

describe("a registration", () => {
  test("comes up from STARTING", async () => {
    const registration = await connect().register({ ...input, status: "starting" });
    expect(await stored()).toMatchObject({ status: "STARTING" });
    await registration.update({ status: "up" });
    expect(await stored()).toMatchObject({ status: "UP", overriddenStatus: "UNKNOWN" });
    await registration.update({ status: "down" });
    expect(await stored()).toMatchObject({ status: "DOWN" });
    await registration.update({ status: "up" });
    expect(await stored()).toMatchObject({ status: "UP" });
  });

  test("that starts draining is never in service", async () => {
    const seen: unknown[] = [];
    await using own = await startEurekaServer({ onChange: ({ status }) => seen.push(status) });
    await using registry = eurekaRegistry({ servers: own.url });
    await registry.register({ ...input, status: "draining" });
    expect(seen).toEqual(["OUT_OF_SERVICE"]);
  });

  test("drains by an override of its own and undoes it", async () => {
    const registration = await connect().register(input, { ttlMs });
    await registration.update({ status: "draining" });
    expect(await stored()).toMatchObject({
      status: "OUT_OF_SERVICE",
      overriddenStatus: "OUT_OF_SERVICE",
    });
    await registration.update({ status: "up" });
    expect(await stored()).toMatchObject({ status: "UP", overriddenStatus: "UNKNOWN" });
    expect(registration.state).toMatchObject({ phase: "registered", generation: 1 });
  });

  test("takes metadata away that an update leaves out", async () => {
    const registration = await connect().register({ ...input, metadata: { a: "1", b: "2" } });
    await registration.update({ metadata: { b: "3" } });
    const { metadata } = (await stored()) as { metadata: Record<string, string> };
    expect(metadata).toMatchObject({ b: "3" });
    expect(metadata).not.toHaveProperty("a");
  });

  test("is entered although the server has a newer copy of another clock", async () => {
    const lastDirtyTimestamp = String(Date.now() + 3_600_000);
    await raw.register({ ...input, id, port: 9 }, { lastDirtyTimestamp });
    const registration = await connect().register(input, { ttlMs });
    expect(await stored()).toMatchObject({ port: { $: 8080 } });
    await registration.update({ weight: 7 });
    expect(await stored()).toMatchObject({ metadata: { weight: "7" } });
  });

  test("is entered as UP over a record that was posted OUT_OF_SERVICE", async () => {
    await raw.register({ ...input, id }, { status: "OUT_OF_SERVICE" });
    await connect().register(input);
    expect(await stored()).toMatchObject({ status: "UP", overriddenStatus: "UNKNOWN" });
  });

  test("puts up with whatever is stored under its id", async () => {
    const odd = { toString: 0 };
    const fields = { lastDirtyTimestamp: odd, port: { $: odd, "@enabled": odd }, securePort: [] };
    let held: object | undefined = {
      metadata: { "@class": odd },
      overriddenStatus: odd,
      ...fields,
    };
    await using fake = await startFake((request, response) => {
      void (async () => {
        const body = await text(request);
        if (request.method === "POST") held = (JSON.parse(body) as { instance: object }).instance;
        if (request.method === "DELETE") held = undefined;
        const status = request.method === "GET" && held === undefined ? 404 : 200;
        plain(status, JSON.stringify({ instance: held }))(request, response);
        // Whatever is entered is garbled in all that is not its owner's mark.
        if (request.method === "GET" && held !== undefined) held = { ...held, ...fields };
      })();
    });
    const registration = await connect({ servers: fake.url }).register(input, { ttlMs });
    await generationAfter(registration, 1);
    await registration.deregister();
    expect(held).toBeUndefined();
  });

  test("is removed only while it is its own", async () => {
    const registration = await connect().register(input);
    await raw.register({ ...input, id, port: 9 });
    await registration.deregister();
    expect(await stored()).toMatchObject({ port: { $: 9 } });
  });

  test("fails when the server finds it wrong", async () => {
    await using refusing = await startFake((request, response) => {
      plain(request.method === "GET" ? 404 : 400)(request, response);
    });
    await expect(connect({ servers: refusing.url }).register(input)).rejects.toMatchObject({
      code: "INVALID",
      reason: "the server answered 400: it refuses what was sent",
    });
  });

  test("fails when the server refuses it, and keeps trying while it may mend", async () => {
    await using refusing = await startFake(plain(401));
    await expect(connect({ servers: refusing.url }).register(input)).rejects.toMatchObject({
      code: "AUTH",
    });
    refusing.answer = plain(503);
    const pending = connect({ servers: refusing.url }).register(input, { ttlMs });
    pending.catch(() => undefined);
    await until(() => refusing.requests.length > 5, { what: "more attempts" });
    await Promise.all(registries.map((one) => one[Symbol.asyncDispose]()));
    await expect(pending).rejects.toMatchObject({ code: "CLOSED" });
  });
});

describe("an operator's", () => {
  test("status survives heartbeats, updates and the loss of the record", async () => {
    const registration = await connect().register(input, { ttlMs });
    await raw.send("PUT", `apps/ORDERS/${id}/status?value=OUT_OF_SERVICE`);
    await registration.update({ metadata: { version: "2" } });
    expect(await stored()).toMatchObject({ overriddenStatus: "OUT_OF_SERVICE" });
    server.wipe();
    await generationAfter(registration, 1);
    expect(await stored()).toMatchObject({
      status: "OUT_OF_SERVICE",
      overriddenStatus: "OUT_OF_SERVICE",
      metadata: { version: "2" },
    });
  });

  test("status is forgotten when the operator takes it back", async () => {
    const registration = await connect().register(input, { ttlMs });
    await raw.send("PUT", `apps/ORDERS/${id}/status?value=DOWN`);
    await registration.update({ weight: 2 });
    await raw.send("DELETE", `apps/ORDERS/${id}/status?value=UP`);
    await registration.update({ weight: 3 });
    server.wipe();
    await generationAfter(registration, 1);
    expect(await stored()).toMatchObject({ status: "UP", overriddenStatus: "UNKNOWN" });
  });

  test("status is back after a drain of ours, which outweighs a forced UP", async () => {
    const registration = await connect().register(input, { ttlMs });
    await raw.send("PUT", `apps/ORDERS/${id}/status?value=DOWN`);
    await registration.update({ status: "draining" });
    expect(await stored()).toMatchObject({ overriddenStatus: "DOWN" });
    await registration.update({ status: "up" });
    expect(await stored()).toMatchObject({ overriddenStatus: "DOWN" });
    await raw.send("PUT", `apps/ORDERS/${id}/status?value=UP`);
    await registration.update({ status: "draining" });
    expect(await stored()).toMatchObject({ overriddenStatus: "OUT_OF_SERVICE" });
    await registration.update({ status: "up" });
    expect(await stored()).toMatchObject({ status: "UP", overriddenStatus: "UP" });
  });

  test("status is taken over by the next life of the process, a drain of ours is not", async () => {
    const first = await connect().register(input, { ttlMs });
    await raw.send("PUT", `apps/ORDERS/${id}/status?value=OUT_OF_SERVICE`);
    await connect().register(input, { ttlMs });
    expect(await stored()).toMatchObject({ status: "OUT_OF_SERVICE" });
    await until(() => first.state.cause?.code === "CONFLICT", { what: "the elder to give way" });
    await raw.send("DELETE", `apps/ORDERS/${id}/status?value=UP`);

    const third = await connect().register(input);
    await third.update({ status: "draining" });
    await connect().register(input);
    expect(await stored()).toMatchObject({ status: "UP", overriddenStatus: "UNKNOWN" });
  });

  test("metadata survives, until the owner says otherwise of the same key", async () => {
    const registration = await connect().register({ ...input, metadata: { a: "1" } }, { ttlMs });
    await raw.send("PUT", `apps/ORDERS/${id}/metadata?weight=7&note=hello&a=x`);
    await registration.update({ metadata: { a: "1", b: "2" } });
    server.wipe();
    await generationAfter(registration, 1);
    expect(await stored()).toMatchObject({
      metadata: { weight: "7", note: "hello", a: "x", b: "2" },
    });
    await registration.update({ weight: 50, metadata: { a: "2" } });
    expect(await stored()).toMatchObject({ metadata: { weight: "50", note: "hello", a: "2" } });
  });
});

test("disposal takes out every record, waits for those on their way, and ends all loops", async () => {
  const waiting = new Set<object>();
  const clock: Clock = {
    ...systemClock,
    after(delayMs, callback) {
      const wait = {};
      waiting.add(wait);
      const cancel = systemClock.after(delayMs, () => {
        waiting.delete(wait);
        callback();
      });
      return () => {
        waiting.delete(wait);
        cancel();
      };
    },
  };
  const registry = connect({ clock, intervalMs: 10 });
  const stop = new AbortController();
  const watching = registry.watch({ service: "orders" }, stop.signal)[Symbol.asyncIterator]();
  await watching.next();
  // From here on nobody asks the watch for more.
  await registry.register(input);
  const onItsWay = registry.register({ ...input, port: 8081 });
  await registry[Symbol.asyncDispose]();
  await Promise.allSettled([onItsWay]);
  expect((await raw.send("GET", "apps/orders")).status).toBe(404);
  expect(waiting.size).toBe(0);
  await expect(watching.next()).rejects.toMatchObject({ code: "CLOSED" });
  stop.abort();
});

test("a node is seen as it was registered, in its registry's spelling", async () => {
  const registry = connect();
  await using discovery = createDiscovery(registry);
  const view = discovery.service("Orders");
  const registration = await registry.register({
    ...input,
    zone: "a",
    metadata: { zone: "mine", weight: "heavy" },
  });
  await until(() => view.nodes.length === 1, { what: "the node" });
  expect(view.nodes[0]).toEqual({ ...registration.node, service: "ORDERS" });
  expect(await registry.services()).toEqual(["ORDERS"]);
});
