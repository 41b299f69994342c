import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";

import type { DiscoveryError, NodeSet, Registry } from "@rollcall/core";
import { until } from "@rollcall/testbed";
import { describe, expect, test } from "vitest";

import { frame } from "../src/grpc-frames.ts";
import { nacosRegistry, type NacosOptions } from "../src/index.ts";
import { encodePayload } from "../src/payload.ts";
import { type FakeServer, startFakeServer } from "./fake-server.ts";

const host = (port: number, fields: object = {}): object => ({
  ip: "10.0.0.1",
  port,
  weight: 1,
  healthy: true,
  enabled: true,
  clusterName: "DEFAULT",
  metadata: {},
  ...fields,
});
const soon = (): AbortSignal => AbortSignal.timeout(10_000);

function connected(server: FakeServer, options: Partial<NacosOptions> = {}): Registry {
  return nacosRegistry({ servers: server.url, grpcPortOffset: 0, protocol: "grpc", ...options });
}

/** One watch attempt, set by set. */
function watched(
  registry: Registry,
  signal: AbortSignal = soon(),
  service: string = "orders",
): AsyncIterator<NodeSet> {
  return registry.watch({ service }, signal)[Symbol.asyncIterator]();
}

async function nextPorts(sets: AsyncIterator<NodeSet>): Promise<number[]> {
  const next = await sets.next();
  assert.ok(next.done !== true);
  return next.value.nodes.map(({ port }) => port);
}

async function refusal(promise: Promise<unknown>): Promise<DiscoveryError> {
  try {
    await promise;
  } catch (error) {
    return error as DiscoveryError;
  }
  throw new Error("nothing was refused");
}

describe("set-up", () => {
  test("waits until the server has taken the connection in", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    let refusals = 3;
    server.answer("HealthCheckRequest", () => {
      refusals -= 1;
      return refusals > 0
        ? ["ErrorResponse", { resultCode: 500, errorCode: 301, message: "unregistered" }]
        : ["HealthCheckResponse", { resultCode: 200 }];
    });
    server.hosts = [host(80)];
    assert.deepEqual((await registry.read({ service: "orders" }, soon())).nodes.length, 1);
    const [first] = server.heard.filter(({ type }) => type === "ConnectionSetupRequest");
    assert.equal(first?.body["tenant"], "public");
  });

  test("of a server that is starting is an outage, not a reason for HTTP", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server, { protocol: "auto" });
    server.answer("ServerCheckRequest", () => [
      "ErrorResponse",
      { resultCode: 500, errorCode: 300, message: "Server is starting" },
    ]);
    const error = await refusal(registry.read({ service: "orders" }, soon()));
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.message, /starting/);
  });

  test.each(["http", "silence", "nonsense"])("with %s on the port is an outage", async (kind) => {
    const server =
      kind === "http"
        ? createHttpServer((_, response) => response.end("hello"))
        : createTcpServer((socket) => {
            socket.on("error", () => undefined);
            if (kind === "nonsense") socket.write("SSH-2.0-nothing\r\n".repeat(20));
          });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await using registry = nacosRegistry({
      servers: `http://127.0.0.1:${port}`,
      grpcPortOffset: 0,
      protocol: "grpc",
      timeouts: { connectMs: 300, sendMs: 100, readMs: 100 },
    });
    const error = await refusal(registry.read({ service: "orders" }, soon()));
    assert.ok(error.retryable, error.message);
    server.close();
  });
});

describe("a subscription", () => {
  test("is fed by pushes, which are acknowledged", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    server.hosts = [host(80)];
    const sets = watched(registry);
    assert.deepEqual(await nextPorts(sets), [80]);
    server.push("orders", [host(80), host(81)], 2);
    assert.deepEqual(await nextPorts(sets), [80, 81]);
    const ack = await until(
      () => server.heard.find(({ type }) => type === "NotifySubscriberResponse"),
      { what: "the acknowledgement" },
    );
    const { requestId, resultCode } = ack.body;
    assert.match(String(requestId), /^s\d+$/);
    assert.equal(resultCode, 200);
    server.push("orders", [], 3);
    assert.deepEqual(await nextPorts(sets), []);
    await sets.return?.();
    await until(() => server.count("SubscribeServiceRequest") === 2, {
      what: "the unsubscription",
    });
  });

  test("takes no push that is older, or of another service", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    server.lastRefTime = 10;
    server.hosts = [host(80)];
    const sets = watched(registry);
    assert.deepEqual(await nextPorts(sets), [80]);
    server.push("orders", [], 9);
    server.push("others", [host(1)], 11);
    server.push("orders", [host(82)], 12);
    assert.deepEqual(await nextPorts(sets), [82]);
    await until(() => server.count("NotifySubscriberResponse") === 3, {
      what: "the acknowledgements",
    });
  });

  test("learns with the next full read what no push told, whatever the server's clock says", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server, { fullReadEveryMs: 30 });
    server.lastRefTime = 10;
    server.hosts = [host(80)];
    const sets = watched(registry);
    assert.deepEqual(await nextPorts(sets), [80]);
    server.hosts = [host(83)];
    server.lastRefTime = 5;
    let ports: number[] = [];
    while (ports[0] !== 83) ports = await nextPorts(sets);
  });

  test.each<readonly [string, unknown]>([
    ["no list", null],
    ["a text", "none"],
    ["an object", {}],
  ])("that is pushed %s ends in doubt, and never in an empty list", async (_, hosts) => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    server.hosts = [host(80)];
    const sets = watched(registry);
    assert.deepEqual(await nextPorts(sets), [80]);
    server.push("orders", hosts, 2);
    const error = await refusal(sets.next());
    assert.equal(error.code, "PROTOCOL");
    // The connection is not to blame.
    assert.deepEqual(await nextPorts(watched(registry)), [80]);
    assert.equal(server.connections, 1);
  });

  test("serves what is good beside what is not", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    server.hosts = [null, 7, host(0), host(80), { ip: {} }, host(81, { metadata: "none" })];
    const { nodes, rejected } = await registry.read({ service: "orders" }, soon());
    assert.deepEqual(
      nodes.map(({ port }) => port),
      [80, 81],
    );
    assert.equal(rejected?.length, 4);
  });

  test("is shared by all who follow a service, and ends with the last", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    server.hosts = [host(80), host(81, { clusterName: "A" })];
    const all = watched(registry);
    const query = { service: "orders", scope: { clusters: "A" } };
    const one = registry.watch(query, soon())[Symbol.asyncIterator]();
    assert.deepEqual(await nextPorts(all), [80, 81]);
    assert.deepEqual(await nextPorts(one), [81]);
    assert.equal(server.count("SubscribeServiceRequest"), 1);
    await all.return?.();
    server.push("orders", [host(82, { clusterName: "A" })], 2);
    assert.deepEqual(await nextPorts(one), [82]);
    await one.return?.();
    await until(() => server.count("SubscribeServiceRequest") === 2, {
      what: "the unsubscription",
    });
  });
});

describe("a connection", () => {
  test("answers what the server asks", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    await registry.read({ service: "orders" }, soon());
    server.say("ClientDetectionRequest", { requestId: "d1" });
    server.say("SomethingNewRequest", { requestId: "n1" });
    await until(() => server.count("ErrorResponse") === 1, { what: "both answers" });
    const [detection] = server.heard.filter(({ type }) => type === "ClientDetectionResponse");
    assert.equal(detection?.body["requestId"], "d1");
    const [unknown] = server.heard.filter(({ type }) => type === "ErrorResponse");
    assert.equal(unknown?.body["requestId"], "n1");
    assert.equal(unknown?.body["resultCode"], 500);
  });

  test("that answers no health check is given up", async () => {
    await using server = await startFakeServer();
    const healthCheck = { intervalMs: 20, timeoutMs: 500, failures: 2 };
    await using registry = connected(server, { healthCheck });
    server.hosts = [host(80)];
    const sets = watched(registry);
    await nextPorts(sets);
    server.answer("HealthCheckRequest", () => undefined);
    const error = await refusal(sets.next());
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.message, /health checks/);
  });

  test("is left when the server asks for it, and entered anew with everything", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    await registry.register({ service: "orders", host: "10.0.0.9", port: 9 });
    const sets = watched(registry);
    await nextPorts(sets);
    server.say("ConnectResetRequest", { requestId: "r1", serverIp: "192.0.2.1", serverPort: "1" });
    assert.equal((await refusal(sets.next())).retryable, true);
    await until(
      () =>
        server.heard.some(({ type, connection }) => type === "InstanceRequest" && connection === 2),
      {
        what: "the registration on the second connection",
      },
    );
    await until(() => server.count("ConnectResetResponse") === 1, { what: "the acknowledgement" });
  });

  test.each<readonly [string, Buffer]>([
    ["too large", Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 0])],
    ["compressed", Buffer.from([1, 0, 0, 0, 1, 0])],
    ["no protobuf", frame(Buffer.from("hello"))],
    ["no JSON", frame(encodePayload({ type: "NotifySubscriberRequest", body: "{" }))],
    ["no object", frame(encodePayload({ type: "NotifySubscriberRequest", body: "[1]" }))],
  ])("that brings a message that is %s is given up", async (_, bytes) => {
    await using server = await startFakeServer();
    await using registry = connected(server, { maxMessageBytes: 1_000_000 });
    server.hosts = [host(80)];
    const sets = watched(registry);
    await nextPorts(sets);
    server.sayBytes(bytes);
    const error = await refusal(sets.next());
    assert.equal(error.code, "PROTOCOL");
    // And a new one is made.
    assert.deepEqual(await nextPorts(watched(registry)), [80]);
  });

  test("carries many calls at once, without a warning of the runtime", async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): unknown => warnings.push(warning);
    process.on("warning", warned);
    await using server = await startFakeServer();
    const registry = connected(server);
    const many = Array.from({ length: 40 }, (_, index) => `orders-${index}`);
    await Promise.all(many.map((service) => registry.read({ service }, soon())));
    const watching = many.map((service) => watched(registry, soon(), service));
    await Promise.all(watching.map((sets) => sets.next()));
    await Promise.all(
      many.map((service) => registry.register({ service, host: "10.0.0.1", port: 80 })),
    );
    server.cut();
    await Promise.all(watching.map((sets) => refusal(sets.next())));
    await until(() => server.connections === 2, { what: "the second connection" });
    await registry[Symbol.asyncDispose]();
    // A warning is reported in a later turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", warned);
    assert.deepEqual(warnings, []);
  });

  test("on which a write was never answered is given up, so that nothing comes late", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server, {
      timeouts: { connectMs: 2_000, sendMs: 300, readMs: 300 },
    });
    let silent = true;
    server.answer("InstanceRequest", () => {
      if (silent) return undefined;
      return ["InstanceResponse", { resultCode: 200 }];
    });
    const registering = registry.register({ service: "orders", host: "10.0.0.9", port: 9 });
    await until(() => server.connections > 1, { what: "a second connection" });
    silent = false;
    await registering;
  });
});

describe("an answer that is an error", () => {
  test.each<readonly [number, string]>([
    [403, "AUTH"],
    [302, "UNSUPPORTED"],
    [400, "INVALID"],
    [500, "UNAVAILABLE"],
    [503, "UNAVAILABLE"],
    [301, "UNAVAILABLE"],
  ])("%i is %s, although its type is the ordinary one", async (errorCode, code) => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    const answer = { resultCode: 500, errorCode, message: "because\r\nof secrets", success: false };
    server.answer("ServiceQueryRequest", () => ["QueryServiceResponse", answer]);
    const error = await refusal(registry.read({ service: "orders" }, soon()));
    assert.equal(error.code, code);
    assert.ok(!/[\r\n]/.test(error.message));
  });

  test.each<readonly [string, object]>([
    ["without a service", {}],
    ["without hosts", { serviceInfo: {} }],
    ["with hosts that are null", { serviceInfo: { hosts: null } }],
  ])("%s is PROTOCOL", async (_, body) => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    server.answer("ServiceQueryRequest", () => [
      "QueryServiceResponse",
      { resultCode: 200, ...body },
    ]);
    await expect(registry.read({ service: "orders" }, soon())).rejects.toMatchObject({
      code: "PROTOCOL",
    });
  });

  test("refuses one registration and leaves the others in place", async () => {
    await using server = await startFakeServer();
    await using registry = connected(server);
    await registry.register({ service: "orders", host: "10.0.0.1", port: 1 });
    server.answer("BatchInstanceRequest", () => [
      "ErrorResponse",
      { resultCode: 400, errorCode: 400, message: "no" },
    ]);
    const refused = registry.register({ service: "orders", host: "10.0.0.2", port: 2 });
    await expect(refused).rejects.toMatchObject({ code: "INVALID" });
    server.answer("BatchInstanceRequest", () => ["BatchInstanceResponse", { resultCode: 200 }]);
    await registry.register({ service: "orders", host: "10.0.0.3", port: 3 });
    const batches = server.heard.filter(({ type }) => type === "BatchInstanceRequest");
    const instances = batches.at(-1)?.body["instances"] as { port: number }[] | undefined;
    assert.deepEqual(
      instances?.map(({ port }) => port),
      [1, 3],
    );
  });
});
