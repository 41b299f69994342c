import assert from "node:assert/strict";

import { DiscoveryError } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { nacosRegistry, type NacosOptions } from "../src/index.ts";
import { resolveOptions } from "../src/options.ts";

const good = { servers: "http://127.0.0.1:8848" };

function refusal(options: unknown): DiscoveryError {
  try {
    nacosRegistry(options as NacosOptions);
  } catch (error) {
    assert.ok(error instanceof DiscoveryError);
    assert.equal(error.code, "INVALID");
    return error;
  }
  throw new Error("nothing was refused");
}

test("defaults are those of the README", () => {
  const options = resolveOptions(good);
  expect(options).toMatchObject({
    name: "nacos",
    protocol: "auto",
    grpcPortOffset: 1_000,
    grpcRetryMs: 60_000,
    place: { namespace: "public", group: "DEFAULT_GROUP", clusters: [] },
    weight: 100,
    intervalMs: 10_000,
    fullReadEveryMs: 60_000,
    connectMs: 2_000,
    sendMs: 2_000,
    readMs: 5_000,
    healthCheck: { intervalMs: 5_000, timeoutMs: 3_000, failures: 3 },
    registration: {
      cluster: "DEFAULT",
      ephemeral: true,
      weight: 1,
      ttlMs: 15_000,
      checkEveryMs: 30_000,
      maxMetadataLength: 1_024,
    },
    maxMessageBytes: 67_108_864,
  });
});

test("several servers may stand in one text, and a comma in a password", () => {
  const { servers } = resolveOptions({ servers: "http://u:a,b@h1:8848, https://h2" });
  assert.deepEqual(
    servers.map(({ origin }) => origin),
    ["http://h1:8848", "https://h2"],
  );
  assert.equal(servers[0]?.credentials?.password, "a,b");
});

test.each([
  ["/nacos/v1/", "/nacos"],
  ["nacos", "/nacos"],
  ["/", ""],
  ["", ""],
  [undefined, "/nacos"],
])("prefix %s is the context path %s", (prefix, expected) => {
  assert.equal(resolveOptions({ ...good, prefix }).servers[0]?.prefix, expected);
});

describe("a bad option is named, with its value and its bounds", () => {
  test.each<readonly [object | null, RegExp]>([
    [null, /options must be an object/],
    [{}, /servers must be 1 to 64 URLs/],
    [{ servers: [] }, /servers must be 1 to 64 URLs/],
    [{ servers: ["nonsense"] }, /servers\[0\] must look like/],
    [{ servers: ["http://a", "http://a:80/x"] }, /http:\/\/a twice/],
    [{ ...good, name: "" }, /name must be a text of 1 to 100 .* got ""/],
    [{ ...good, prefix: "/a b" }, /prefix must be a path/],
    [{ ...good, protocol: "udp" }, /protocol must be one of auto, grpc, http, got "udp"/],
    [{ ...good, grpcPortOffset: 60_000 }, /grpcPortOffset must lead to a port/],
    [{ ...good, grpcPortOffset: 1.5 }, /grpcPortOffset must be a whole number/],
    [{ ...good, username: "u" }, /password must be given beside username/],
    [{ ...good, password: "p" }, /username must be a text beside password/],
    [{ ...good, accessKey: "a" }, /accessKey and secretKey must be given together/],
    [{ ...good, accessKey: "", secretKey: "s" }, /accessKey must be a text/],
    [{ ...good, namespaceId: "a b" }, /namespaceId must be 1 to 64 letters.* got "a b"/],
    [{ ...good, groupName: "a/b" }, /groupName must be/],
    [{ ...good, clusters: ["a_b"] }, /clusters\[0\] must be .* got "a_b"/],
    [{ ...good, clusters: "" }, /clusters\[0\] must be/],
    [{ ...good, weight: -1 }, /weight must be a finite number >= 0, got -1/],
    [{ ...good, weight: Number.NaN }, /weight must be a finite number >= 0, got NaN/],
    [{ ...good, intervalMs: 9 }, /intervalMs must be a whole number from 10 to 86400000, got 9/],
    [{ ...good, timeouts: { readMs: "5" } }, /timeouts.readMs must be a whole number/],
    [{ ...good, timeouts: 5 }, /timeouts must be an object/],
    [{ ...good, healthCheck: { intervalMs: 20_000 } }, /healthCheck.intervalMs .* to 15000/],
    [{ ...good, registration: { weight: 10_001 } }, /registration.weight .* to 10000/],
    [
      { ...good, registration: { ephemeral: "no" } },
      /registration.ephemeral must be true or false/,
    ],
    [{ ...good, registration: { cluster: "a_b" } }, /registration.cluster must be/],
    [{ ...good, registration: { ttlMs: 10 } }, /registration.ttlMs .* from 1000/],
    [{ ...good, maxMessageBytes: 1 }, /maxMessageBytes/],
    [{ ...good, tls: { ca: "nonsense" } }, /tls.ca must be one certificate/],
    [{ ...good, tls: { cert: "x" } }, /tls.cert and tls.key must be given together/],
    [{ ...good, namespace: "dev" }, /namespace is not an option; there are .*namespaceId/],
    [{ ...good, registration: { ttl: 5 } }, /registration.ttl is not an option; there are .*ttlMs/],
    [{ ...good, random: 1 }, /random must be a function/],
  ])("%o", (options, expected) => {
    assert.match(refusal(options).message, expected);
  });

  test("but a secret is not", () => {
    for (const options of [
      { servers: "http://user:hunter2@" },
      { ...good, username: "", password: "hunter2" },
      { ...good, accessKey: "hunter2" },
      { ...good, accessKey: "a", secretKey: 7, password: "hunter2" },
    ]) {
      assert.ok(!refusal(options).message.includes("hunter2"));
    }
  });
});

describe("the registry", () => {
  test("has an identity without secrets, equal for equal places", () => {
    const a = nacosRegistry({ servers: ["http://u:hunter2@a:1", "http://b:2"], clusters: "X" });
    const b = nacosRegistry({ servers: ["http://b:2", "http://a:1"], clusters: ["X"] });
    assert.equal(a.identity, b.identity);
    assert.ok(!a.identity.includes("hunter2"));
    assert.notEqual(a.identity, nacosRegistry({ servers: ["http://a:1", "http://b:2"] }).identity);
  });

  test("tells what it can, and what it cannot unless the server is configured for it", () => {
    const { traits } = nacosRegistry(good);
    assert.equal(traits.delivery, "push");
    assert.deepEqual(Object.keys(traits.cannot), ["R19"]);
    const roomy = nacosRegistry({ ...good, registration: { maxMetadataLength: 131_072 } });
    assert.deepEqual(roomy.traits.cannot, {});
    assert.equal(nacosRegistry({ ...good, protocol: "http" }).traits.delivery, "poll");
  });

  test("refuses at once what no server takes", async () => {
    await using registry = nacosRegistry(good);
    const node = { service: "orders", host: "10.0.0.1", port: 80 };
    const refused = (register: () => unknown, expected: RegExp): void => {
      assert.throws(register, (error: DiscoveryError) => {
        assert.equal(error.code, "INVALID");
        assert.match(error.message, expected);
        return true;
      });
    };
    refused(() => registry.register({ ...node, weight: 10_001 }), /weight must be at most 10000/);
    refused(() => registry.register({ ...node, service: "a b" }), /service must be without spaces/);
    refused(() => registry.register({ ...node, service: "a@@b" }), /service must be without/);
    refused(() => registry.register(node, { ttlMs: 1 }), /ttlMs must be a number from 1000/);
    refused(() => registry.register(node, { scope: { clusters: "a,b" } }), /one cluster/);
    refused(() => registry.register(node, { scope: { group_name: "a b" } }), /scope.group_name/);
    refused(() => registry.register(node, { scope: { cluster: "a" } }), /"cluster" is unknown/);
  });

  test("refuses metadata that a server would refuse, before it is sent", async () => {
    await using registry = nacosRegistry(good);
    const metadata = { key: "x".repeat(1_024) };
    const node = { service: "orders", host: "10.0.0.1", port: 80, metadata };
    await expect(async () => registry.register(node)).rejects.toMatchObject({ code: "INVALID" });
  });
});
