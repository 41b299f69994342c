import { X509Certificate } from "node:crypto";

import { createAuthority } from "@rollcall/testbed";
import { describe, expect, test } from "vitest";

import { etcdRegistry, type EtcdOptions, grpcCodec } from "../src/index.ts";
import { etcdKv } from "../src/kv.ts";
import { resolveRegistryOptions } from "../src/options.ts";

const hosts = "http://127.0.0.1:2379";

test("have the defaults that are documented", () => {
  expect(resolveRegistryOptions({ hosts })).toMatchObject({
    name: "etcd",
    hosts: [{ url: hosts, hostname: "127.0.0.1", port: 2379, secure: false }],
    prefix: "/rollcall/",
    ttlMs: 30_000,
    weight: 100,
    tokenTtlMs: 300_000,
    connectMs: 2_000,
    requestMs: 3_000,
    noticeMs: 10_000,
    pageSize: 1_000,
    maxMessageBytes: 16_777_216,
    maxSetBytes: 268_435_456,
  });
});

describe("hosts", () => {
  test.each([
    ["127.0.0.1", ["http://127.0.0.1:2379"]],
    ["etcd.example.com:80", ["http://etcd.example.com:80"]],
    ["http://etcd:80/", ["http://etcd:80"]],
    ["https://etcd:443", ["https://etcd:443"]],
    ["https://etcd", ["https://etcd:2379"]],
    ["HTTP://ETCD:1", ["http://etcd:1"]],
    ["[::1]", ["http://[::1]:2379"]],
    ["http://[2001:db8::1]:99", ["http://[2001:db8::1]:99"]],
    ["http://a:1, b:2 ,https://c:3", ["http://a:1", "http://b:2", "https://c:3"]],
    [
      ["a", "b"],
      ["http://a:2379", "http://b:2379"],
    ],
  ])("%j are %j", (given, urls) => {
    expect(resolveRegistryOptions({ hosts: given }).hosts.map(({ url }) => url)).toEqual(urls);
  });

  test("without a scheme are https where there is TLS", () => {
    const [host] = resolveRegistryOptions({ hosts: "a", tls: {} }).hosts;
    expect(host?.url).toBe("https://a:2379");
  });
});

test.each<[unknown, string]>([
  [undefined, "hosts must be 1 to 64 URLs such as http://127.0.0.1:2379"],
  [{ hosts, ttl: 30 }, "ttl is not an option; there are clock, codec, hosts, "],
  [{ hosts, timeouts: { readMs: 30 } }, "timeouts.readMs is not an option; there are connectMs"],
  [{}, "hosts must be 1 to 64 URLs"],
  [{ hosts: [] }, "hosts must be 1 to 64 URLs"],
  [{ hosts: "" }, "hosts[0] must be a URL"],
  [{ hosts: [5] }, "hosts[0] must be a string"],
  [{ hosts: ["a", "ftp://b"] }, "hosts[1] must begin with http:// or https://"],
  [{ hosts: "unix:///tmp/x" }, "hosts[0] must begin with http:// or https://"],
  [{ hosts: "http://a:1/v3" }, "hosts[0] must end after the port"],
  [{ hosts: "http://a:99999" }, "hosts[0] must be a URL"],
  [{ hosts: "http://a:0" }, "hosts[0] must have a port from 1 to 65535"],
  [{ hosts: ["http://a", "a:2379"] }, "hosts has http://a:2379 twice"],
  [{ hosts: "http://u:hunter2@a" }, "hosts[0] must be without user information"],
  [{ hosts, name: "" }, "name must be a text of 1 to 100"],
  [{ hosts, name: "a\nb" }, "name must be a text of 1 to 100"],
  [{ hosts, prefix: 5 }, "prefix must be a text"],
  [{ hosts, prefix: "a\u0000" }, "prefix must be a text"],
  [{ hosts, prefix: "\ud800" }, "prefix must be well-formed"],
  [{ hosts, codec: "consul" }, "codec must be one of rollcall, grpc, kratos, go-zero, kitex"],
  [{ hosts, codec: "toString" }, "codec must be one of"],
  [{ hosts, codec: { name: "own" } }, "codec must be one of"],
  [{ hosts, ttlMs: 999 }, "ttlMs must be a whole number from 1000 to 86400000, got 999"],
  [{ hosts, ttlMs: "30" }, 'ttlMs must be a whole number from 1000 to 86400000, got "30"'],
  [{ hosts, weight: -1 }, "weight must be a finite number >= 0, got -1"],
  [{ hosts, username: "u" }, "password must be given beside username"],
  [{ hosts, password: "hunter2" }, "username must be a text that is not empty"],
  [{ hosts, username: "", password: "hunter2" }, "username must be a text that is not empty"],
  [{ hosts, tokenTtlMs: 0 }, "tokenTtlMs must be a whole number"],
  [{ hosts, timeouts: null }, "timeouts must be an object"],
  [{ hosts, timeouts: { connectMs: 0 } }, "timeouts.connectMs must be a whole number"],
  [{ hosts, timeouts: { requestMs: 1.5 } }, "timeouts.requestMs must be a whole number"],
  [{ hosts, timeouts: { noticeMs: 99 } }, "timeouts.noticeMs must be a whole number from 100"],
  [{ hosts, pageSize: 0 }, "pageSize must be a whole number"],
  [{ hosts, maxMessageBytes: 1 }, "maxMessageBytes must be a whole number"],
  [{ hosts, maxSetBytes: 1 }, "maxSetBytes must be a whole number"],
  [{ hosts, tls: "ca" }, "tls must be an object"],
  [{ hosts, tls: { ca: "hunter2" } }, "tls.ca must be one certificate, or a list of them, in PEM"],
  [{ hosts, tls: { cert: "hunter2" } }, "tls.cert and tls.key must be given together"],
  [{ hosts, tls: { verify: "no" } }, "tls.verify must be true or false"],
  [{ hosts, tls: { serverName: "" } }, "tls.serverName must be a text"],
])("%j are refused: %s", (options, reason) => {
  const error = thrownBy(() => etcdRegistry(options as EtcdOptions));
  expect(error).toMatchObject({ code: "INVALID", reason: expect.stringContaining(reason) });
  expect(String(error)).not.toContain("hunter2");
});

test("of kv are checked in the same way", () => {
  expect(thrownBy(() => etcdKv({ hosts: "" }))).toMatchObject({ code: "INVALID" });
});

test("take a codec by name or as an object, and its prefix by default", () => {
  expect(resolveRegistryOptions({ hosts, codec: "kratos" }).prefix).toBe("/microservices/");
  expect(resolveRegistryOptions({ hosts, codec: "kitex" }).prefix).toBe("kitex/registry-etcd/");
  expect(resolveRegistryOptions({ hosts, codec: "grpc" }).prefix).toBe("");
  const codec = { ...grpcCodec, name: "own", prefix: "own" };
  expect(resolveRegistryOptions({ hosts, codec })).toMatchObject({ codec, prefix: "own/" });
  expect(resolveRegistryOptions({ hosts, prefix: "/a/b" }).prefix).toBe("/a/b/");
  expect(resolveRegistryOptions({ hosts, prefix: "" }).prefix).toBe("");
});

test("take TLS material as text or bytes", () => {
  const authority = createAuthority();
  const { certPem: cert, keyPem: key } = authority.issue("client");
  const tls = { ca: [Buffer.from(authority.caPem)], cert, key: Buffer.from(key) };
  expect(resolveRegistryOptions({ hosts, tls }).tls).toEqual(tls);
});

describe("TLS material that is none", () => {
  const authority = createAuthority();
  const { certPem: cert, keyPem: key } = authority.issue("client");
  const other = authority.issue("another client");
  test.each([
    // What people give most often instead.
    [{ ca: "ca.pem" }, "tls.ca must be one certificate, or a list of them, in PEM"],
    [{ ca: [authority.caPem, "b.pem"] }, "tls.ca must be one certificate"],
    [{ ca: new X509Certificate(authority.caPem).raw }, "tls.ca must be one certificate"],
    [{ ca: key }, "tls.ca must be one certificate"],
    [{ ca: null }, "tls.ca must be one certificate"],
    [{ cert: "cert.pem", key }, "tls.cert must be a certificate in PEM: the text of the file"],
    [{ cert, key: "key.pem" }, "tls.key must be a private key without a passphrase, in PEM"],
    [{ cert, key: cert }, "tls.key must be a private key"],
    [{ cert, key: other.keyPem }, "tls.cert and tls.key must be PEM that fits together"],
  ])("is named %#", (tls, reason) => {
    const error = thrownBy(() => etcdRegistry({ hosts, tls } as EtcdOptions));
    expect(error).toMatchObject({ code: "INVALID", reason: expect.stringContaining(reason) });
    expect(String(error)).not.toContain("BEGIN");
  });
});

describe("a registry", () => {
  test("has an identity that tells clusters and prefixes apart, and no secret", () => {
    const identity = (options: Partial<EtcdOptions>): string =>
      etcdRegistry({ hosts: ["b", "a"], ...options }).identity;
    expect(identity({})).toBe("etcd http://a:2379 http://b:2379 rollcall /rollcall/");
    expect(identity({ hosts: ["a", "b"] })).toBe(identity({}));
    expect(identity({ prefix: "/other" })).not.toBe(identity({}));
    expect(identity({ codec: "kratos" })).not.toBe(identity({}));
    expect(identity({ username: "u", password: "hunter2" })).toBe(identity({}));
  });

  test("has traits that follow from its options", () => {
    const { traits } = etcdRegistry({ hosts, ttlMs: 9_000, codec: "go-zero" });
    expect(traits).toEqual({
      delivery: "push",
      returnMs: 8_000,
      propagationMs: 500,
      retryCapMs: 1_000,
      scope: [],
      keeps: ["service", "host", "port"],
      cannot: {},
    });
    expect(Object.isFrozen(traits)).toBe(true);
  });

  test.each([
    [{ service: "\ud800" }, {}, "service must be well-formed Unicode"],
    [{ id: "\ud800" }, {}, "id must be well-formed Unicode"],
    [{ port: 0 }, {}, "port must be an integer"],
    [{}, { ttlMs: 999 }, "ttlMs must be a number from 1000 to 86400000, got 999"],
    [{}, { ttlMs: Number.NaN }, "ttlMs must be a number"],
    [{}, { scope: { namespace: "x" } }, 'scope key "namespace" is unknown'],
  ])("refuses to register %j with %j", (fields, options, reason) => {
    const registry = etcdRegistry({ hosts });
    const node = { service: "orders", host: "h", port: 1, ...fields };
    expect(thrownBy(() => registry.register(node, options))).toMatchObject({
      code: "INVALID",
      reason: expect.stringContaining(reason),
    });
  });

  test("is quiet until it is used, and disposed at once", async () => {
    const registry = etcdRegistry({ hosts: "127.0.0.1:1" });
    await registry[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await expect(registry.services()).rejects.toMatchObject({ code: "CLOSED" });
  });
});

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("nothing was thrown");
}
