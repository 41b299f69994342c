import { connect } from "node:net";

import fc from "fast-check";
import { expect, test } from "vitest";

import { bench, registration } from "./client.ts";

const post = { "content-type": "application/json" };

test.each([
  "a b",
  "x%25y",
  "q;r",
  "a+b",
  "é 漢字 🎉",
  "a..b",
  "__proto__",
  "constructor",
  "?#&=",
  "10.0.0.5:orders:8080",
])("the id %j can be renewed, read and cancelled", async (id) => {
  await using b = await bench();
  expect((await b.register("A", id)).status).toBe(204);
  expect((await b.instance("A", id))?.instanceId).toBe(id);
  const path = `apps/A/${encodeURIComponent(id)}`;
  expect((await b.call("PUT", path)).status).toBe(200);
  expect((await b.call("DELETE", path)).status).toBe(200);
  expect(await b.apps()).toEqual([]);
});

test("an id with a slash registers, but its path is refused, as by the real server", async () => {
  await using b = await bench();
  expect((await b.register("A", "a/b")).status).toBe(204);
  expect((await b.call("PUT", "apps/A/a%2Fb")).status).toBe(400);
  expect((await b.apps())[0]?.instanceId).toBe("a/b");
});

test.each(["apps/A%5CB", "apps/A%00", "apps/%zz", "apps/%C3%28", "apps/%"])(
  "the path %s is 400",
  async (path) => {
    await using b = await bench();
    expect((await b.call("GET", path)).status).toBe(400);
  },
);

test.each([
  "",
  "nope",
  "apps//A",
  "/apps",
  "apps/A/1/nope",
  "apps/A/1/status/x",
  "vips",
  "instances/a/b",
  "v2/v2/apps",
])("the path %j is 404", async (path) => {
  await using b = await bench();
  await b.register("A", "1");
  const answer = await b.call("GET", `${b.server.url}${path}`);
  expect(answer.status).toBe(404);
  expect(JSON.parse(answer.text)).toMatchObject({ status: 404, error: "Not Found" });
});

test("a method a path does not have is 405 and names the ones it has", async () => {
  await using b = await bench();
  for (const [method, path, allow] of [
    ["POST", "apps", "GET"],
    ["PATCH", "apps/A", "GET, POST"],
    ["POST", "apps/A/1", "GET, PUT, DELETE"],
    ["GET", "apps/A/1/status", "PUT, DELETE"],
    ["POST", "apps/delta", "GET"],
  ] as const) {
    const answer = await b.call(method, path);
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
  }
});

test("keys like __proto__ are data, and nothing is polluted", async () => {
  await using b = await bench();
  const metadata = JSON.parse('{"__proto__":"x","constructor":"y","":"z","n":1,"t":true,"u":null}');
  await b.register("A", "1", { metadata });
  await b.call("PUT", "apps/A/1/metadata?__proto__=w&toString=v");
  const answer = await b.call("GET", "apps/A/1");
  expect(answer.text).toContain('"__proto__":"w"');
  const read = (await b.instance("A", "1"))!.metadata;
  expect(new Map(Object.entries(read))).toEqual(
    new Map([
      ["", "z"],
      ["__proto__", "w"],
      ["constructor", "y"],
      ["n", "1"],
      ["t", "true"],
      ["toString", "v"],
      ["u", "null"],
    ]),
  );
  expect(({} as Record<string, unknown>)["w"]).toBeUndefined();
});

test("any metadata comes back as it was sent", async () => {
  await using b = await bench();
  const key = fc.string({ unit: "binary" }).filter((text) => text !== "@class");
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(key, fc.string({ unit: "binary" }), { minKeys: 1 }),
      async (sent) => {
        await b.register("A", "1", { metadata: sent });
        const read = (await b.instance("A", "1"))!.metadata;
        expect(new Map(Object.entries(read))).toEqual(new Map(Object.entries(sent)));
      },
    ),
    { numRuns: 50 },
  );
});

test.each([
  ["no JSON", '{"instance":'],
  ["nothing", ""],
  ["null", "null"],
  ["an array", "[]"],
  ["an unwrapped instance", '{"instanceId":"1"}'],
  ["a second key", `${registration("A", "1").slice(0, -1)},"more":1}`],
  ["an array as instance", '{"instance":[]}'],
  ["a million brackets", "[".repeat(100_000)],
  ["metadata that is a text", registration("A", "1", { metadata: "x" })],
  ["metadata that is an array", registration("A", "1", { metadata: [] })],
  ["metadata that is nested", registration("A", "1", { metadata: { a: {} } })],
  ["a port that is a number", registration("A", "1", { port: 80 })],
  ["a port beyond 32 bits", registration("A", "1", { port: { $: 1e10 } })],
  ["a lease that is an array", registration("A", "1", { leaseInfo: [] })],
  ["a data centre without class", registration("A", "1", { dataCenterInfo: { name: "MyOwn" } })],
  ["a foreign class", registration("A", "1", { dataCenterInfo: { "@class": "x", name: "MyOwn" } })],
  ["a host that is an object", registration("A", "1", { hostName: {} })],
])("a body of %s is 400 and changes nothing", async (_, body) => {
  await using b = await bench();
  const answer = await b.call("POST", "apps/A", { headers: post, body });
  expect([answer.status, answer.text]).toEqual([400, '{"error": "cannot parse request body"}']);
  expect(await b.apps()).toEqual([]);
});

test("bodies above maxBodyBytes are 413, however large, and the server goes on", async () => {
  await using b = await bench({ maxBodyBytes: 1000 });
  for (const size of [1001, 1_000_000]) {
    const answer = await b.call("POST", "apps/A", { headers: post, body: "x".repeat(size) });
    expect(answer.status).toBe(413);
    expect(answer.text).toContain("maxBodyBytes");
  }
  const fits = registration("A", "1");
  expect((await b.register("A", "1", { asgName: "x".repeat(900 - fits.length) })).status).toBe(204);
});

test("metadata above maxMetadataBytes is 413, posted or merged bit by bit", async () => {
  await using b = await bench({ maxMetadataBytes: 20 });
  expect((await b.register("A", "1", { metadata: { k: "é".repeat(10) } })).status).toBe(413);
  expect((await b.register("A", "1", { metadata: { k: "x".repeat(19) } })).status).toBe(204);
  expect((await b.call("PUT", "apps/A/1/metadata?l=")).status).toBe(413);
  expect((await b.call("PUT", "apps/A/1/metadata?k=y")).status).toBe(200);
});

test("more than maxNodes are 507, those there may register again, and a place that is freed is free", async () => {
  await using b = await bench({ maxNodes: 2 });
  await b.register("A", "1");
  await b.register("B", "1");
  const full = await b.register("C", "1");
  expect(full.status).toBe(507);
  expect(full.text).toContain("maxNodes");
  expect((await b.register("A", "1")).status).toBe(204);
  await b.call("DELETE", "apps/B/1");
  expect((await b.register("C", "1")).status).toBe(204);
});

test("bytes that are no HTTP, and a client that leaves in the middle, do no harm", async () => {
  await using b = await bench();
  for (const bytes of [
    "\u0016\u0003\u0001garbage\r\n\r\n",
    "POST /eureka/apps/A HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(b.server.port, "127.0.0.1", () => socket.end(bytes));
      socket.resume().on("error", () => {});
      socket.on("close", () => resolve());
    });
  }
  expect(await b.apps()).toEqual([]);
});
