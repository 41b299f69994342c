import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { createDiscovery, type Registry, type ServiceNode } from "@rollcall/core";
import {
  type ConsulAccess,
  consulApi,
  describeConsul,
  describeOwnConsul,
  namespace,
  startConsul,
  until,
} from "@rollcall/testbed";
import { describe, test } from "vitest";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";
import { type Entry, rawConsul } from "./raw-consul.ts";

const quick: ConsulOptions = {
  timeouts: { connectMs: 1_000, readMs: 2_000, waitMs: 2_000 },
  registration: { ttlMs: 1_000 },
};

async function nodesOf(registry: Registry, service: string): Promise<readonly ServiceNode[]> {
  const { nodes } = await registry.read({ service }, AbortSignal.timeout(10_000));
  return nodes;
}

/** The one node of a service, once it is there. */
function oneOf(registry: Registry, service: string): Promise<ServiceNode> {
  return until(async () => (await nodesOf(registry, service))[0], { what: `a node of ${service}` });
}

async function put(access: ConsulAccess, path: string, body?: unknown): Promise<void> {
  const answer = await consulApi(access, "PUT", path, body);
  assert.equal(answer.status, 200, String(answer.body));
}

describeConsul("what others registered at a real agent", (consul) => {
  const name = namespace("read");
  const register = (body: object): Promise<void> => put(consul, "/v1/agent/service/register", body);

  test("by plain HTTP, with as little as can be", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const service = name("plain");
    await register({ Name: service });
    const node = await oneOf(registry, service);
    assert.deepEqual(
      { ...node, metadata: { ...node.metadata } },
      {
        service,
        id: service,
        // The agent's own address, and APISIX's port.
        host: "127.0.0.1",
        port: 80,
        secure: false,
        hostname: undefined,
        weight: 1,
        priority: 0,
        status: "up",
        zone: undefined,
        metadata: {},
      },
    );
  });

  test("with tags, Meta, weights and an address", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const service = name("full");
    await register({
      ID: `${service}-1`,
      Name: service,
      Address: "10.1.2.3",
      Port: 8080,
      Tags: ["canary", "team=a"],
      Meta: { version: "2", zone: "eu-1" },
      Weights: { Passing: 7, Warning: 3 },
    });
    const { id, host, port, weight, zone, metadata } = await oneOf(registry, service);
    assert.deepEqual([id, host, port, weight, zone], [`${service}-1`, "10.1.2.3", 8080, 7, "eu-1"]);
    assert.deepEqual({ ...metadata }, { canary: "canary", team: "a", version: "2", zone: "eu-1" });
  });

  test("passing, warning, critical and in maintenance", async () => {
    await using strict = consulRegistry({ ...quick, servers: consul.url });
    await using lenient = consulRegistry({ ...quick, servers: consul.url, acceptWarning: true });
    const service = name("states");
    await register({
      ID: service,
      Name: service,
      Port: 1,
      Weights: { Passing: 7, Warning: 3 },
      Check: { CheckID: service, TTL: "1h" },
    });
    const shown = async (registry: Registry, status: string, weight: number): Promise<void> => {
      await until(
        async () => {
          const node = await oneOf(registry, service);
          assert.deepEqual([node.status, node.weight], [status, weight]);
          return true;
        },
        { what: `${status} with ${weight}` },
      );
    };
    await shown(strict, "down", 7);
    await put(consul, `/v1/agent/check/warn/${service}`);
    await shown(lenient, "up", 3);
    await shown(strict, "down", 7);
    await put(consul, `/v1/agent/check/pass/${service}`);
    await shown(strict, "up", 7);
    await put(consul, `/v1/agent/service/maintenance/${service}?enable=true`);
    await shown(strict, "draining", 7);
  });

  test("through the server's own filter", async () => {
    const service = name("filtered");
    for (const version of ["1", "2"]) {
      await register({ ID: service + version, Name: service, Port: 1, Meta: { version } });
    }
    const filter = 'Service.Meta.version == "2"';
    await using registry = consulRegistry({ ...quick, servers: consul.url, filter });
    await until(async () => (await oneOf(registry, service)).id === `${service}2`, {
      what: "the second only",
    });
    assert.equal((await nodesOf(registry, service)).length, 1);
    await using broken = consulRegistry({ ...quick, servers: consul.url, filter: "Nope == 2" });
    await assert.rejects(nodesOf(broken, service), { code: "INVALID" });
  });

  test.each<ConsulOptions>([
    { consistency: "stale" },
    { consistency: "consistent" },
    { cached: true },
    { cached: true, consistency: "stale" },
    { blocking: false, intervalMs: 50 },
  ])("followed with %j", async (options) => {
    const service = name(`followed-${JSON.stringify(options).replaceAll(/\W/g, "")}`);
    await using registry = consulRegistry({ ...quick, ...options, servers: consul.url });
    await using discovery = createDiscovery(registry, { protection: "off" });
    using view = discovery.service(service);
    assert.deepEqual((await view.ready()).nodes, []);
    for (const id of ["a", "b", "c"]) await register({ ID: service + id, Name: service, Port: 1 });
    await until(() => view.nodes.length === 3, { what: "all three" });
    await put(consul, `/v1/agent/service/deregister/${service}a`);
    await until(() => view.nodes.length === 2, { what: "two" });
  });

  test("in another datacentre, which this one knows no way to", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const query = { service: name("far"), scope: { dc: "nowhere" } };
    await assert.rejects(registry.read(query, AbortSignal.timeout(10_000)), {
      code: "UNAVAILABLE",
      reason: /No path to datacenter/,
    });
    const node = { service: name("far"), host: "127.0.0.1", port: 1 };
    await assert.rejects(registry.register(node, { scope: { dc: "nowhere" } }), {
      code: "UNSUPPORTED",
      reason: /none of the servers/,
    });
  });

  test("in a namespace, which only Enterprise has", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url, namespace: "team" });
    await assert.rejects(nodesOf(registry, name("ns")), { code: "UNSUPPORTED" });
  });
});

describeConsul("what is registered at a real agent", (consul) => {
  const name = namespace("write");
  const raw = rawConsul(consul);

  const entered = (service: string, id: string): Promise<Entry> =>
    until(() => raw.entry(service, id), { what: `${service}/${id}` });

  test("a node without a weight weighs what Consul gives by itself", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const service = name("weight");
    const registration = await registry.register({ service, host: "127.0.0.1", port: 1 });
    assert.equal(registration.node.weight, 1);
    const { Service: stored } = await entered(service, "127.0.0.1:1");
    assert.equal(stored.ID, `${service}:127.0.0.1:1`);
    assert.deepEqual(stored.Weights, { Passing: 1, Warning: 1 });
    assert.deepEqual(Object.keys(stored.Meta), ["rollcall-owner"]);
  });

  test("two services of one id and address do not disturb each other", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const services = [name("one"), name("two")];
    for (const service of services) {
      await registry.register({ service, id: "same", host: "127.0.0.1", port: 1 });
    }
    for (const service of services) {
      assert.equal((await oneOf(registry, service)).id, "same");
    }
  });

  test("a node that is not up yet is never shown as passing", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const service = name("starting");
    const seen: string[] = [];
    await using discovery = createDiscovery(registry, { protection: "off" });
    using view = discovery.service(service);
    await view.ready();
    const following = (async () => {
      for await (const { all } of view) seen.push(...all.map(({ status }) => status));
    })();
    const node = { service, host: "127.0.0.1", port: 1, status: "starting" } as const;
    const registration = await registry.register(node);
    await until(() => seen.includes("starting"), { what: "starting" });
    assert.ok(!seen.includes("up"), seen.join());
    await registration.update({ status: "up" });
    await until(() => view.nodes.length === 1, { what: "up" });
    view[Symbol.dispose]();
    await following;
  });

  test("tags that others may change are kept, also when the record is entered anew", async () => {
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      // A lease that does not run out on a busy machine: the generation is compared.
      registration: { ttlMs: 10_000, tags: ["first"], enableTagOverride: true },
    });
    const service = name("tags");
    const registration = await registry.register({ service, id: "1", host: "127.0.0.1", port: 1 });
    const { Service: stored } = await entered(service, "1");
    await put(consul, "/v1/agent/service/register", {
      ...stored,
      Service: undefined,
      CreateIndex: undefined,
      ModifyIndex: undefined,
      Proxy: undefined,
      Connect: undefined,
      Name: service,
      Tags: ["changed"],
      EnableTagOverride: true,
    });
    await until(async () => "changed" in (await oneOf(registry, service)).metadata, {
      what: "the change",
    });
    const { generation } = registration.state;
    await until(
      async () => {
        await registration.update({ metadata: { run: "2" } });
        return "changed" in (await oneOf(registry, service)).metadata;
      },
      { what: "the tags after an update" },
    );
    assert.equal(registration.state.generation, generation);
  });

  test("a maintenance by an operator survives the node's own", async () => {
    const options = { ...quick, registration: { ttlMs: 10_000 } };
    await using registry = consulRegistry({ ...options, servers: consul.url });
    const service = name("maintenance");
    const registration = await registry.register({ service, id: "1", host: "127.0.0.1", port: 1 });
    await raw.override?.(service, "1");
    const generation = registration.state.generation;
    await registration.update({ status: "draining" });
    await registration.update({ status: "up" });
    assert.equal((await oneOf(registry, service)).status, "draining");
    const path = `/v1/agent/service/maintenance/${service}:1?enable=false`;
    await put(consul, path);
    await until(async () => (await oneOf(registry, service)).status === "up", { what: "its end" });
    assert.equal(registration.state.generation, generation);
  });
});

// An agent of one's own, since it has to reach a port of this test: the shared one may be on another network.
describeOwnConsul("an agent that runs a check itself", () => {
  test.each(["http", "tcp"] as const)("by %s", async (type) => {
    const asked: string[] = [];
    let status = 200;
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${String(request.headers["x-check"])}`);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await using consul = await startConsul();
    const service = `check-${type}`;
    const check = {
      type,
      path: "/health",
      headers: { "x-check": "1" },
      intervalMs: 1_000,
    } as const;
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      registration: { ttlMs: 1_000, check },
    });
    await registry.register({ service, id: "1", host: "127.0.0.1", port });
    const shown = (wanted: string): Promise<unknown> =>
      until(async () => (await oneOf(registry, service)).status === wanted, { what: wanted });
    await shown("up");
    if (type === "http") {
      await until(() => asked.includes("/health 1"), { what: "a check" });
      status = 503;
      await shown("down");
      status = 200;
      await shown("up");
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await shown("down");

    // The next life of the same node sends heartbeats: what the agent ran is gone.
    await using next = consulRegistry({ ...quick, servers: consul.url });
    await next.register({ service, id: "1", host: "127.0.0.1", port });
    await shown("up");
    const { Checks: checks } = (await rawConsul(consul).entry(service, "1"))!;
    assert.deepEqual(
      checks.map(({ CheckID: id }) => id).filter((id) => id.startsWith("service:")),
      [`service:${service}:1`],
    );
  });
});

describeOwnConsul("a real agent of one's own", () => {
  test("restarted with nothing in it, it gets everything back", async () => {
    await using consul = await startConsul();
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    await using discovery = createDiscovery(registry);
    using view = discovery.service("web");
    for (const port of [1, 2, 3])
      await registry.register({ service: "web", host: "10.0.0.1", port });
    await until(() => view.nodes.length === 3, { what: "all three" });
    const shown: number[] = [];
    const following = (async () => {
      for await (const { nodes } of view) shown.push(nodes.length);
    })();
    await consul.restart();
    await until(async () => (await nodesOf(registry, "web")).length === 3, {
      what: "their return",
    });
    await until(() => view.snapshot.state === "fresh" && view.snapshot.held.length === 0, {
      what: "a view without doubts",
    });
    view[Symbol.dispose]();
    await following;
    assert.ok(Math.min(...shown) === 3, shown.join());
  });

  test("a maintenance by an operator is there again before the node is seen without it", async () => {
    await using consul = await startConsul();
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const registration = await registry.register({ service: "web", host: "10.0.0.1", port: 1 });
    const raw = rawConsul(consul.access);
    await raw.override?.("web", "10.0.0.1:1");
    await until(async () => (await oneOf(registry, "web")).status === "draining", {
      what: "the maintenance",
    });
    // A heartbeat learns of it.
    await registration.update({ metadata: { run: "2" } });
    await using discovery = createDiscovery(registry, { protection: "off" });
    using view = discovery.service("web");
    await view.ready();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { all } of view) seen.push(...all.map(({ status }) => status));
    })();
    await consul.restart();
    await until(() => registration.state.generation > 1, { what: "the return" });
    await until(() => view.snapshot.all[0]?.status === "draining", { what: "the maintenance" });
    assert.ok(!seen.includes("up"), seen.join());
    view[Symbol.dispose]();
    await following;
  });

  test("killed and back with its data, it is the same registration", async () => {
    await using consul = await startConsul({ durable: true });
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      registration: { ttlMs: 30_000 },
    });
    const registration = await registry.register({ service: "web", host: "10.0.0.1", port: 1 });
    await oneOf(registry, "web");
    await consul.kill();
    await consul.restart();
    await registration.update({ metadata: { run: "2" } });
    assert.equal((await oneOf(registry, "web")).metadata["run"], "2");
    assert.equal(registration.state.generation, 1);
  });

  test("a Unix socket is an address", async () => {
    const { mkdtemp, rm } = await import("node:fs/promises");
    const { tmpdir } = await import("node:os");
    const folder = await mkdtemp(`${tmpdir()}/rollcall-socket-`);
    await using consul = await startConsul({
      settings: { addresses: { http: `127.0.0.1 unix://${folder}/api.sock` } },
    });
    await using registry = consulRegistry({ ...quick, servers: `unix://${folder}/api.sock` });
    await registry.register({ service: "web", host: "10.0.0.1", port: 1 });
    assert.equal((await oneOf(registry, "web")).host, "10.0.0.1");
    assert.ok(consul.port > 0);
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test("more watches than it allows connections are all served", async () => {
    await using consul = await startConsul({
      settings: { limits: { http_max_conns_per_client: 40 } },
    });
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      maxConnections: 20,
      timeouts: { ...quick.timeouts, waitMs: 60_000 },
    });
    await using discovery = createDiscovery(registry, { protection: "off" });
    const names = Array.from({ length: 100 }, (_, index) => `web-${index}`);
    const views = names.map((service) => discovery.service(service));
    await Promise.all(views.map((view) => view.ready()));
    for (const service of names) {
      await put(consul.access, "/v1/agent/service/register", { Name: service, Port: 1 });
    }
    await until(() => views.every(({ nodes }) => nodes.length === 1), {
      what: "all nodes",
      deadlineMs: 60_000,
    });
    assert.ok(views.every(({ snapshot }) => snapshot.state === "fresh"));
  });
});

describeOwnConsul("a real agent that denies by default", () => {
  test("an empty answer is believed only with the right to read", async () => {
    await using consul = await startConsul({ acl: true });
    const policy = async (rules: string): Promise<string> => {
      const named = `policy-${Math.random().toString(36).slice(2)}`;
      await put(consul.access, "/v1/acl/policy", { Name: named, Rules: rules });
      const body = { Policies: [{ Name: named }] };
      const answer = await consulApi(consul.access, "PUT", "/v1/acl/token", body);
      return (answer.body as { SecretID: string }).SecretID;
    };
    await put(consul.access, "/v1/agent/service/register", { Name: "web", Port: 1 });
    const withToken = (token?: ConsulOptions["token"]): Registry =>
      consulRegistry({ ...quick, servers: consul.url, token });
    const anyNode = 'node_prefix "" { policy = "read" }';
    const tokens = {
      service: await policy(`service "web" { policy = "read" } ${anyNode}`),
      other: await policy(`service "other" { policy = "read" } ${anyNode}`),
      noNode: await policy('service "web" { policy = "read" }'),
    };
    const refused: [string, Registry][] = [
      ["nobody", withToken()],
      ["an unknown token", withToken("00000000-0000-0000-0000-00000000abcd")],
      ["a token for another service", withToken(tokens.other)],
      ["a token for no node", withToken(tokens.noNode)],
      ["a function that fails", withToken(() => Promise.reject(new Error("s3cret")))],
    ];
    for (const [who, registry] of refused) {
      await assert.rejects(nodesOf(registry, "web"), { code: "AUTH" }, who);
      const watch = registry.watch({ service: "web" }, AbortSignal.timeout(10_000));
      await assert.rejects(watch[Symbol.asyncIterator]().next(), { code: "AUTH" }, who);
      const node = { service: "web", host: "127.0.0.1", port: 2 };
      await assert.rejects(registry.register(node), { code: "AUTH" }, who);
      await registry[Symbol.asyncDispose]();
    }
    await using nobody = withToken();
    await assert.rejects(nobody.services(), { code: "AUTH" });
    await using allowed = withToken(tokens.service);
    assert.equal((await oneOf(allowed, "web")).port, 1);
    assert.deepEqual(await allowed.services(), ["web"]);
    // The right is there, the nodes are not.
    await put(consul.access, "/v1/agent/service/deregister/web");
    await until(async () => (await nodesOf(allowed, "web")).length === 0, { what: "their end" });
  });

  test("a token that changes is asked for each time", async () => {
    await using consul = await startConsul({ acl: true });
    let asked = 0;
    let token = consul.token;
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      token: () => {
        asked += 1;
        return Promise.resolve(token ?? "");
      },
    });
    const registration = await registry.register({ service: "web", host: "127.0.0.1", port: 1 });
    await until(() => asked > 6, { what: "heartbeats" });
    token = "00000000-0000-0000-0000-00000000abcd";
    await until(() => registration.state.cause?.code === "AUTH", { what: "the refusal" });
    token = consul.token;
    await until(() => registration.state.phase === "registered", { what: "the return" });
  });

  test("a default policy that allows needs no token", async () => {
    await using consul = await startConsul({
      settings: { primary_datacenter: "dc1", acl: { enabled: true, default_policy: "allow" } },
    });
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    assert.deepEqual(await nodesOf(registry, "web"), []);
    await registry.register({ service: "web", host: "127.0.0.1", port: 1 });
    await oneOf(registry, "web");
  });
});

describe("an address where nobody is", () => {
  test("is UNAVAILABLE, also for a Unix socket", async () => {
    for (const servers of ["http://127.0.0.1:1", "unix:///no/such.sock"]) {
      await using registry = consulRegistry({ ...quick, servers });
      await assert.rejects(nodesOf(registry, "web"), { code: "UNAVAILABLE" });
    }
  });
});
