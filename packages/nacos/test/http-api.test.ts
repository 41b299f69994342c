import assert from "node:assert/strict";

import type { DiscoveryError, Registry } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { nacosRegistry, type NacosOptions } from "../src/index.ts";
import { type HttpAnswer, startHttpServer } from "./http-server.ts";

const listed = { ip: "10.0.0.1", port: 80, weight: 1, healthy: true, enabled: true };
const v3 = "/nacos/v3/client/ns/instance/list";
const v1 = "/nacos/v1/ns/instance/list";

function over(servers: string | readonly string[], options: Partial<NacosOptions> = {}): Registry {
  return nacosRegistry({ servers, protocol: "http", intervalMs: 20, random: () => 0, ...options });
}

async function ports(registry: Registry): Promise<number[]> {
  const { nodes } = await registry.read({ service: "orders" }, AbortSignal.timeout(30_000));
  return nodes.map(({ port }) => port);
}

describe("a list", () => {
  test("is asked of version 3, and of version 1 where that is not there", async () => {
    await using server = await startHttpServer(({ path, query }) => {
      if (path !== v1) return undefined;
      assert.equal(query["serviceName"], "DEFAULT_GROUP@@orders");
      return [200, { name: "DEFAULT_GROUP@@orders", hosts: [listed] }];
    });
    await using registry = over(server.url);
    assert.deepEqual(await ports(registry), [80]);
    assert.deepEqual(await ports(registry), [80]);
    assert.deepEqual(
      server.heard.map(({ path }) => path),
      [v3, v1, v1],
    );
  });

  test.each<readonly [string, HttpAnswer, string]>([
    ["no JSON", [200, "<html>"], "PROTOCOL"],
    ["no list", [200, { code: 0, data: null }], "PROTOCOL"],
    ["a list in the wrong place", [200, { code: 0, hosts: [] }], "PROTOCOL"],
    [
      "an error that looks fine",
      [200, { code: 30_000, message: "server error", data: null }],
      "UNAVAILABLE",
    ],
    ["a refusal that looks fine", [200, { code: 10_001, message: "access denied" }], "AUTH"],
    ["401", [401, ""], "AUTH"],
    ["403", [403, { message: "token invalid!" }], "AUTH"],
    ["400", [400, "Param 'x' is illegal"], "PROTOCOL"],
    ["500", [500, "caused: something"], "UNAVAILABLE"],
    ["503", [503, "server is STARTING now, please try again later!"], "UNAVAILABLE"],
    ["302", [302, ""], "PROTOCOL"],
    ["nothing in any version", undefined, "PROTOCOL"],
    ["too much", [200, `{"code":0,"data":[${"1,".repeat(10_000)}1]}`], "PROTOCOL"],
  ])("answered with %s is never an empty one", async (_, answer, code) => {
    await using server = await startHttpServer(() => answer);
    await using registry = over(server.url, { maxMessageBytes: 10_000 });
    try {
      await ports(registry);
      assert.fail("nothing was refused");
    } catch (error) {
      assert.equal((error as DiscoveryError).code, code, (error as Error).message);
    }
  });

  test("is asked of the next server when one fails, and of that one first from then on", async () => {
    await using bad = await startHttpServer(() => [500, "no"]);
    await using good = await startHttpServer(() => [200, { code: 0, data: [listed] }]);
    await using registry = over([bad.url, good.url]);
    assert.deepEqual(await ports(registry), [80]);
    assert.deepEqual(await ports(registry), [80]);
    assert.equal(bad.heard.length, 1);
    assert.equal(good.heard.length, 2);
  });

  test("carries a token as a header and a signature as parameters, each for its service", async () => {
    await using server = await startHttpServer(({ path }) =>
      path.endsWith("/login")
        ? [200, { accessToken: "tok", tokenTtl: 18_000 }]
        : [200, { code: 0, data: [] }],
    );
    const keys = { accessKey: "AK", secretKey: "SK" };
    await using registry = over(server.url, { username: "u", password: "p", ...keys });
    await ports(registry);
    const [, list] = server.heard;
    assert.equal(list?.authorization, "Bearer tok");
    assert.equal(list.query["ak"], "AK");
    assert.match(list.query["data"] ?? "", /^\d+@@DEFAULT_GROUP@@orders$/);
    assert.ok(!JSON.stringify(list.query).includes("tok"));
  });

  test("with a token that is refused is asked for again with a new one", async () => {
    let logins = 0;
    await using server = await startHttpServer(({ path, authorization }) => {
      if (path.endsWith("/login"))
        return [200, { accessToken: `t${(logins += 1)}`, tokenTtl: 18_000 }];
      return authorization === "Bearer t1" && logins === 1 && revoked
        ? [403, { message: "token expired!" }]
        : [200, { code: 0, data: [listed] }];
    });
    let revoked = false;
    let nowMs = 0;
    const { systemClock } = await import("@rollcall/core/adapter");
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    await using registry = over(server.url, { username: "u", password: "p", clock });
    assert.deepEqual(await ports(registry), [80]);
    revoked = true;
    nowMs += 60_000;
    assert.deepEqual(await ports(registry), [80]);
    assert.equal(logins, 2);
  });
});

test("services are listed page by page, those of other groups left out", async () => {
  const page = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `s${from + index}`);
  await using server = await startHttpServer(({ path, query }) =>
    path === "/nacos/v1/ns/service/list"
      ? [200, { count: 501, doms: query["pageNo"] === "1" ? page(0, 500) : page(500, 1) }]
      : undefined,
  );
  await using registry = over(server.url);
  assert.equal((await registry.services()).length, 501);

  await using newer = await startHttpServer(({ path }) => {
    const item = (name: string, groupName: string): object => ({ name, groupName });
    const pageItems = [item("a", "DEFAULT_GROUP"), item("b", "DEFAULT_GROUP_2")];
    return path === "/nacos/v3/admin/ns/service/list"
      ? [200, { code: 0, data: { pageItems } }]
      : undefined;
  });
  await using other = over(newer.url);
  assert.deepEqual(await other.services(), ["a"]);
});

test("what a server refuses to register is INVALID, with its words", async () => {
  await using server = await startHttpServer(({ method, path }) => {
    if (method === "GET" && path === v3) return [200, { code: 0, data: [] }];
    if (method === "POST") return [400, { code: 10_000, message: "bad", data: "ip is\r\nodd" }];
    return [200, { code: 0, data: "ok" }];
  });
  await using registry = over(server.url);
  const registering = registry.register({ service: "orders", host: "10.0.0.1", port: 80 });
  await expect(registering).rejects.toMatchObject({ code: "INVALID" });
  await expect(registering).rejects.toThrow('"ip is odd"');
});
