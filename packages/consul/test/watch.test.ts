import assert from "node:assert/strict";

import { DiscoveryError, type NodeSet } from "@rollcall/core";
import { until } from "@rollcall/testbed";
import { describe, test } from "vitest";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";
import { entry, type FakeAnswer, type FakeConsul, fakeConsul } from "./fake-consul.ts";

const quick: ConsulOptions = {
  timeouts: { connectMs: 10_000, readMs: 10_000, waitMs: 1_000 },
  intervalMs: 50,
  random: () => 0,
};
const silence = new Promise<never>(() => undefined);

/** Follows `web` until `count` sets have come or the watch has thrown. */
async function follow(
  options: ConsulOptions,
  count: number,
): Promise<{ readonly sets: readonly string[]; readonly error: unknown }> {
  await using registry = consulRegistry(options);
  const sets: string[] = [];
  let error: unknown;
  try {
    for await (const { nodes } of registry.watch({ service: "web" }, AbortSignal.timeout(20_000))) {
      sets.push(nodes.map(({ id }) => id).join(","));
      if (sets.length === count) break;
    }
  } catch (thrown) {
    error = thrown;
  }
  return { sets, error };
}

/** A server that gives these answers to reads one after the other, then stays silent. */
function scripted(...answers: (FakeAnswer | "cut")[]): Promise<FakeConsul> {
  let next = 0;
  return fakeConsul(({ path }) => {
    if (!path.startsWith("/v1/health/service/")) return undefined;
    return answers[next++] ?? silence;
  });
}

function indexes({ reads }: FakeConsul): (string | null)[] {
  return reads.map(({ query }) => query.get("index"));
}

describe("blocking queries", () => {
  test("block on the index of the answer before", async () => {
    await using consul = await scripted(
      { index: 40, body: [entry("a")] },
      { index: 41, body: [entry("a"), entry("b")] },
      { index: 41, body: [entry("a"), entry("b")] },
      { index: 43, body: [entry("b")] },
    );
    const { sets } = await follow({ ...quick, servers: consul.url }, 3);
    assert.deepEqual(sets, ["a", "a,b", "b"]);
    assert.deepEqual(indexes(consul), [null, "40", "41", "41"]);
    assert.equal(consul.reads[1]?.query.get("wait"), "1000ms");
  });

  test("an index that goes back means reading everything anew, and no outage when nothing is missing", async () => {
    await using consul = await scripted(
      { index: 40, body: [entry("a")] },
      { index: 12, body: [entry("a")] },
      { index: 12, body: [entry("a"), entry("b")] },
    );
    const { sets } = await follow({ ...quick, servers: consul.url }, 2);
    assert.deepEqual(sets, ["a", "a,b"]);
    await until(() => consul.reads.length >= 3, { what: "the reads" });
    assert.deepEqual(indexes(consul).slice(0, 3), [null, "40", null]);
  });

  test("an index that goes back while records are missing is an outage, not their end", async () => {
    await using consul = await scripted(
      { index: 40, body: [entry("a")] },
      { index: 12, body: [] },
      { index: 12, body: [] },
    );
    const { sets, error } = await follow({ ...quick, servers: consul.url }, 9);
    assert.deepEqual(sets, ["a"]);
    assert.ok(error instanceof DiscoveryError && error.retryable);
    assert.match(error.message, /the index went back, and records are missing/);
  });

  test.each([0, undefined, "nonsense"])("the index %j does not make a hot loop", async (index) => {
    await using consul = await fakeConsul(({ path }) =>
      path.startsWith("/v1/health") ? { index, body: [entry("a")] } : undefined,
    );
    await using registry = consulRegistry({ ...quick, servers: consul.url, intervalMs: 60_000 });
    const stop = new AbortController();
    const watch = registry.watch({ service: "web" }, stop.signal)[Symbol.asyncIterator]();
    await watch.next();
    const second = watch.next();
    await assert.rejects(Promise.race([second, rejectIn(300)]), /nothing came/);
    assert.equal(consul.reads.length, 1);
    stop.abort(new Error("enough"));
    await assert.rejects(second, /enough/);
  });

  test("something that answers at once with the same index is asked at the interval", async () => {
    await using consul = await fakeConsul(({ path }) =>
      path.startsWith("/v1/health") ? { index: 7, body: [entry("a")] } : undefined,
    );
    await using registry = consulRegistry({ ...quick, servers: consul.url, intervalMs: 60_000 });
    const stop = new AbortController();
    const watch = registry.watch({ service: "web" }, stop.signal)[Symbol.asyncIterator]();
    await watch.next();
    const second = watch.next();
    await until(() => consul.reads.length === 2, { what: "the second read" });
    await assert.rejects(Promise.race([second, rejectIn(300)]), /nothing came/);
    assert.equal(consul.reads.length, 2);
    stop.abort(new Error("enough"));
    await assert.rejects(second, /enough/);
  });

  test("a service that changes all the time is read at the rate", async () => {
    let index = 0;
    await using consul = await fakeConsul(({ path }) => {
      if (!path.startsWith("/v1/health")) return undefined;
      index += 1;
      return { index, body: [entry(`a${index}`)] };
    });
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      maxReadsPerSecond: 0.01,
    });
    const stop = new AbortController();
    const watch = registry.watch({ service: "web" }, stop.signal)[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count += 1) await watch.next();
    const fourth = watch.next();
    await assert.rejects(Promise.race([fourth, rejectIn(300)]), /nothing came/);
    assert.equal(consul.reads.length, 3);
    stop.abort(new Error("enough"));
    await assert.rejects(fourth, /enough/);
  });

  test("without blocking everything is read at the interval", async () => {
    await using consul = await scripted(
      { index: 40, body: [entry("a")] },
      { index: 41, body: [entry("b")] },
    );
    const { sets } = await follow({ ...quick, servers: consul.url, blocking: false }, 2);
    assert.deepEqual(sets, ["a", "b"]);
    assert.deepEqual(indexes(consul), [null, null]);
  });

  test("a server that holds its answer back for the wait and a sixteenth is not given up", async () => {
    await using consul = await fakeConsul(async ({ path, query }) => {
      if (!path.startsWith("/v1/health")) return undefined;
      if (query.get("index") !== "1") return { index: 1, body: [entry("a")] };
      const waitMs = Number.parseInt(query.get("wait") ?? "", 10);
      await new Promise((resolve) => setTimeout(resolve, (waitMs * 17) / 16 + 100));
      return { index: 2, body: [entry("b")] };
    });
    const { sets, error } = await follow({ ...quick, servers: consul.url }, 2);
    assert.deepEqual([sets, error], [["a", "b"], undefined]);
  });

  test("a silent server is given up after the wait and the time for an answer", async () => {
    await using consul = await scripted({ index: 1, body: [entry("a")] });
    const timeouts = { ...quick.timeouts, readMs: 400 };
    const { sets, error } = await follow({ ...quick, timeouts, servers: consul.url }, 2);
    assert.deepEqual(sets, ["a"]);
    assert.ok(error instanceof DiscoveryError);
    assert.equal(error.code, "TIMEOUT");
  });

  test.each<FakeAnswer | "cut">(["cut", { status: 504, body: "<html>" }, { status: 502 }])(
    "a query that is cut (%j) is no outage when nothing is missing",
    async (cut) => {
      await using consul = await scripted(
        { index: 40, body: [entry("a")] },
        cut,
        { index: 40, body: [entry("a")] },
        { index: 41, body: [entry("a"), entry("b")] },
      );
      const { sets, error } = await follow({ ...quick, servers: consul.url }, 3);
      assert.deepEqual([sets, error], [["a", "a", "a,b"], undefined]);
      assert.deepEqual(indexes(consul), [null, "40", null, "40"]);
    },
  );

  test("a query that is cut while records are missing afterwards is an outage", async () => {
    await using consul = await scripted({ index: 40, body: [entry("a"), entry("b")] }, "cut", {
      index: 41,
      body: [entry("a")],
    });
    const { sets, error } = await follow({ ...quick, servers: consul.url }, 9);
    assert.deepEqual(sets, ["a,b"]);
    assert.match(String(error), /a query was cut, and records are missing/);
  });

  test("queries that are cut at one age again and again wait less", async () => {
    await using consul = await fakeConsul(async ({ path, query }) => {
      if (!path.startsWith("/v1/health")) return undefined;
      if (query.get("index") === null) return { index: 7, body: [entry("a")] };
      const waitMs = Number.parseInt(query.get("wait") ?? "", 10);
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 1_500)));
      return waitMs > 1_500 ? "cut" : { index: 7, body: [entry("a")] };
    });
    await using registry = consulRegistry({
      ...quick,
      timeouts: { ...quick.timeouts, waitMs: 60_000 },
      servers: consul.url,
    });
    const stop = new AbortController();
    const draining = (async () => {
      for await (const _ of registry.watch({ service: "web" }, stop.signal));
    })().catch(() => undefined);
    const waits = (): number[] =>
      consul.reads.flatMap(({ query }) => Number.parseInt(query.get("wait") ?? "", 10) || []);
    await until(() => waits().some((wait) => wait < 1_500), { what: "a shorter wait" });
    stop.abort(new Error("enough"));
    await draining;
  });

  test("watches beyond the connections ask at the interval", async () => {
    const blocked = new Set<string>();
    const reads = new Map<string, number>();
    await using consul = await fakeConsul(({ path, query }) => {
      if (!path.startsWith("/v1/health")) return undefined;
      const service = path.slice("/v1/health/service/".length);
      if (query.get("index") !== null) {
        blocked.add(service);
        return silence;
      }
      const count = (reads.get(service) ?? 0) + 1;
      reads.set(service, count);
      return { index: count, body: [entry("a", { service: { Service: service } })] };
    });
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      maxConnections: 2,
      timeouts: { ...quick.timeouts, waitMs: 50_000 },
    });
    const stop = new AbortController();
    const names = ["a", "b", "c", "d", "e"];
    const watches = names.map(async (service) => {
      for await (const _ of registry.watch({ service }, stop.signal));
    });
    for (const watch of watches) watch.catch(() => undefined);
    await until(() => names.every((name) => blocked.has(name) || (reads.get(name) ?? 0) > 3), {
      what: "every watch to go on",
    });
    assert.equal(blocked.size, 2);
    stop.abort(new Error("enough"));
    await Promise.allSettled(watches);
  });
});

describe("what is asked for", () => {
  test.each<[ConsulOptions, string]>([
    [{}, ""],
    [{ consistency: "stale" }, "stale="],
    [{ consistency: "consistent" }, "consistent="],
    [{ cached: true }, "cached="],
    [{ filter: 'Service.Meta.v == "2"' }, "filter=Service.Meta.v+%3D%3D+%222%22"],
    [{ datacenter: "dc 2" }, "dc=dc+2"],
    [{ namespace: "team/a", partition: "p" }, "ns=team%2Fa&partition=p"],
  ])("%j", async (options, query) => {
    await using consul = await scripted({ index: 1, body: [entry("a")] });
    await follow({ ...quick, ...options, servers: consul.url }, 1);
    assert.equal(consul.reads[0]?.query.toString(), query);
  });

  test("a scope wins over the options", async () => {
    await using consul = await scripted({ index: 1, body: [entry("a")] });
    await using registry = consulRegistry({ ...quick, servers: consul.url, datacenter: "dc1" });
    const scope = { dc: "dc2", namespace: "n", partition: "p" };
    await registry.read({ service: "web", scope }, AbortSignal.timeout(30_000));
    assert.equal(consul.reads[0]?.query.toString(), "dc=dc2&ns=n&partition=p");
  });

  test("one answer is never that of a cache", async () => {
    await using consul = await scripted({ index: 1, body: [entry("a")] });
    await using registry = consulRegistry({ ...quick, servers: consul.url, cached: true });
    await registry.read({ service: "web" }, AbortSignal.timeout(30_000));
    assert.equal(consul.reads[0]?.query.has("cached"), false);
  });

  test("skipped services are never asked for", async () => {
    await using consul = await fakeConsul(({ path }) =>
      path === "/v1/catalog/services" ? { body: { consul: [], web: [], api: [] } } : undefined,
    );
    await using registry = consulRegistry({ ...quick, servers: consul.url, skipServices: ["web"] });
    assert.deepEqual(await registry.services(), ["api"]);
    const signal = AbortSignal.timeout(30_000);
    assert.deepEqual((await registry.read({ service: "web" }, signal)).nodes, []);
    assert.equal(consul.reads.length, 0);
    const stop = new AbortController();
    const watch = registry.watch({ service: "web" }, stop.signal)[Symbol.asyncIterator]();
    const first = (await watch.next()) as IteratorYieldResult<NodeSet>;
    assert.deepEqual(first.value.nodes, []);
    const next = watch.next();
    stop.abort(new Error("enough"));
    await assert.rejects(next, /enough/);
  });
});

describe("answers that are not to be believed", () => {
  test.each<[FakeAnswer | "cut", string, RegExp]>([
    [{ body: "<html>It works!</html>" }, "PROTOCOL", /not what Consul answers/],
    [{ body: '[{"Node":{' }, "PROTOCOL", /not what Consul answers/],
    [{ body: { Node: {} } }, "PROTOCOL", /not what Consul answers/],
    [{ body: "null" }, "PROTOCOL", /not what Consul answers/],
    [{ body: "" }, "PROTOCOL", /not what Consul answers/],
    [{ body: " ".repeat(2_000) }, "PROTOCOL", /larger than 1024 bytes/],
    [{ status: 301, headers: { location: "/" } }, "PROTOCOL", /is this Consul's API/],
    [{ status: 404, body: "<html>" }, "PROTOCOL", /is this Consul's API/],
    [{ status: 204, body: "" }, "PROTOCOL", /answered 204/],
    [{ status: 400, body: "Invalid index" }, "PROTOCOL", /answered 400/],
    [{ status: 403, body: "Permission denied" }, "AUTH", /no right/],
    [{ status: 403, body: "ACL not found" }, "AUTH", /token is unknown/],
    [{ status: 500, body: "rpc error making call: ACL not found" }, "AUTH", /token is unknown/],
    [{ status: 500, body: "No cluster leader" }, "UNAVAILABLE", /No cluster leader/],
    [{ status: 500, body: "No path to datacenter" }, "UNAVAILABLE", /No path to datacenter/],
    [{ status: 429 }, "UNAVAILABLE", /429/],
    [{ status: 503 }, "UNAVAILABLE", /503/],
    [
      { status: 400, body: "Invalid query parameter: partitions are a Consul Enterprise feature" },
      "UNSUPPORTED",
      /Enterprise/,
    ],
    [{ status: 500, body: "Failed to create boolean expression evaluator" }, "INVALID", /filter/],
    [
      { status: 400, headers: { "x-secret": "s3cret" }, body: "s3cret" },
      "PROTOCOL",
      /answered 400$/,
    ],
    ["cut", "UNAVAILABLE", /the connection broke/],
  ])("%j is %s", async (answer, code, reason) => {
    await using consul = await fakeConsul(({ path }) =>
      path.startsWith("/v1/health") ? answer : undefined,
    );
    const { sets, error } = await follow({ ...quick, servers: consul.url, maxBodyBytes: 1_024 }, 1);
    assert.deepEqual(sets, []);
    assert.ok(error instanceof DiscoveryError);
    assert.equal(error.code, code);
    assert.match(error.message, reason);
    assert.doesNotMatch(error.message, /s3cret/);
  });

  test("an answer that breaks off is none", async () => {
    await using consul = await fakeConsul(({ path }, response) => {
      if (!path.startsWith("/v1/health")) return undefined;
      response.writeHead(200, { "content-length": "1000", "x-consul-index": "7" });
      response.write("[");
      setTimeout(() => response.destroy(), 20);
      return silence;
    });
    const { sets, error } = await follow({ ...quick, servers: consul.url }, 1);
    assert.deepEqual(sets, []);
    assert.ok(error instanceof DiscoveryError && error.retryable);
  });

  test("something that is not HTTP is no Consul", async () => {
    const { createServer } = await import("node:net");
    const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { error } = await follow({ ...quick, servers: `http://127.0.0.1:${port}` }, 1);
    server.close();
    assert.ok(error instanceof DiscoveryError);
    assert.match(error.message, /not HTTP/);
  });

  test("an empty answer that lost records to our rights is AUTH, and says so on any server", async () => {
    await using consul = await scripted({
      index: 7,
      headers: { "x-consul-results-filtered-by-acls": "true" },
    });
    const { error } = await follow({ ...quick, servers: consul.url }, 1);
    assert.ok(error instanceof DiscoveryError);
    assert.equal(error.code, "AUTH");
  });

  test("our rights are looked at once for a service that stays empty", async () => {
    await using consul = await fakeConsul(({ path }) =>
      path.startsWith("/v1/health") ? { index: 7, body: [] } : undefined,
    );
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      blocking: false,
      intervalMs: 10,
    });
    const stop = new AbortController();
    const watch = registry.watch({ service: "web" }, stop.signal)[Symbol.asyncIterator]();
    await watch.next();
    const second = watch.next();
    await until(() => consul.reads.length >= 5, { what: "the reads" });
    stop.abort(new Error("enough"));
    await assert.rejects(second, /enough/);
    const looks = consul.requests.filter(({ path }) => path === "/v1/acl/token/self");
    assert.equal(looks.length, 1);
  });

  test("a service whose rights were taken away becomes AUTH, not empty", async () => {
    let isTaken = false;
    await using consul = await fakeConsul(({ path, query }) => {
      if (path.startsWith("/v1/health")) {
        if (query.get("index") === null) return { index: 7, body: [entry("a")] };
        isTaken = true;
        return { index: 8, body: [] };
      }
      if (path === "/v1/acl/token/self") return { body: { AccessorID: "x" } };
      if (path === "/v1/internal/acl/authorize") {
        return { body: [{ Allow: !isTaken }, { Allow: true }] };
      }
      return undefined;
    });
    const { sets, error } = await follow({ ...quick, servers: consul.url }, 9);
    assert.deepEqual(sets, ["a"]);
    assert.ok(error instanceof DiscoveryError);
    assert.equal(error.code, "AUTH");
    assert.match(error.message, /may not read the service/);
  });

  test.each<[number, object, string | undefined]>([
    // A token that is none; one that lists nothing; one that lists the servers at least.
    [403, {}, "AUTH"],
    [200, {}, "AUTH"],
    [200, { consul: [] }, undefined],
  ])("without the call for rights (%i, %j)", async (self, services, code) => {
    await using consul = await fakeConsul(({ path }) => {
      if (path.startsWith("/v1/health")) return { index: 7, body: [] };
      if (path === "/v1/acl/token/self") return { status: self, body: {} };
      if (path === "/v1/catalog/services") return { body: services };
      return undefined;
    });
    const { sets, error } = await follow({ ...quick, servers: consul.url }, 1);
    assert.deepEqual(sets, code === undefined ? [""] : []);
    assert.equal((error as DiscoveryError | undefined)?.code, code);
  });
});

describe("stale reads", () => {
  const old = { "x-consul-lastcontact": "20000", "x-consul-knownleader": "true" };

  test("an answer that is too old is asked again of the leader", async () => {
    await using consul = await fakeConsul(({ path, query }) => {
      if (!path.startsWith("/v1/health")) return undefined;
      return query.has("stale")
        ? { index: 7, headers: old, body: [entry("old")] }
        : { index: 8, body: [entry("new")] };
    });
    const options: ConsulOptions = { ...quick, servers: consul.url, consistency: "stale" };
    assert.deepEqual((await follow(options, 1)).sets, ["new"]);
    const lenient = await follow({ ...options, maxStaleMs: 30_000 }, 1);
    assert.deepEqual(lenient.sets, ["old"]);
  });

  test("without a leader old nodes are served as doubtful, and old absence is no absence", async () => {
    let body = [entry("old")];
    await using consul = await fakeConsul(({ path, query }) => {
      if (!path.startsWith("/v1/health")) return undefined;
      return query.has("stale")
        ? { index: 7, headers: { "x-consul-knownleader": "false" }, body }
        : { status: 500, body: "No cluster leader" };
    });
    const options: ConsulOptions = { ...quick, servers: consul.url, consistency: "stale" };
    const { sets, error } = await follow(options, 9);
    assert.deepEqual(sets, ["old"]);
    assert.match(String(error), /knows of no leader/);
    await using registry = consulRegistry(options);
    const signal = AbortSignal.timeout(30_000);
    await assert.rejects(registry.read({ service: "web" }, signal), /knows of no leader/);
    body = [];
    assert.deepEqual((await follow(options, 9)).sets, []);
  });
});

function rejectIn(delayMs: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("nothing came")), delayMs);
  });
}
