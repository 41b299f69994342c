import assert from "node:assert/strict";

import { createAuthority } from "@rollcall/testbed";
import { expect, test } from "vitest";

import { type ZookeeperOptions, zookeeperRegistry } from "../src/index.ts";
import { resolveOptions } from "../src/options.ts";

const servers = "127.0.0.1:2181";
const auth = { scheme: "digest", username: "bob", password: "secret" } as const;

test("defaults are as documented", () => {
  const { acl, codec, ...rest } = resolveOptions({ servers: "a,[::1]:2182/app" });
  assert.equal(codec.name, "curator");
  assert.deepEqual(acl, [{ permissions: 31, scheme: "world", id: "anyone" }]);
  assert.deepEqual(rest, {
    name: "zookeeper",
    servers: [
      { host: "a", port: 2181 },
      { host: "::1", port: 2182 },
    ],
    chroot: "/app",
    root: "/app/services",
    sessionTimeoutMs: 30_000,
    connectTimeoutMs: 2_000,
    requestTimeoutMs: 5_000,
    logins: [],
    tls: undefined,
    weight: 100,
    maxFrameBytes: 16_777_216,
  });
  assert.equal(resolveOptions({ servers, path: "/" }).root, "");
});

test("a list and a text of servers mean the same, and the identity has no secret", () => {
  const one = zookeeperRegistry({ servers: ["b:1", "a:2/app"], auth });
  const two = zookeeperRegistry({ servers: "a:2,b:1/app", auth: [auth] });
  assert.equal(one.identity, "zookeeper a:2,b:1/app/services curator");
  assert.equal(two.identity, one.identity);
  assert.equal(JSON.stringify([one, two]).includes("secret"), false);
});

test("traits say what holds", () => {
  const { traits } = zookeeperRegistry({ servers, sessionTimeoutMs: 10_000 });
  assert.equal(traits.delivery, "push");
  assert.equal(traits.returnMs, 15_000);
  assert.deepEqual(traits.cannot, {});
  assert.ok(Object.isFrozen(traits) && Object.isFrozen(traits.keeps));
  const plain = zookeeperRegistry({ servers, codec: "plain" });
  assert.deepEqual(plain.traits.keeps, ["service", "id", "host", "port"]);
});

test("ACLs are read", () => {
  const acl = [{ permissions: "cdrwa", scheme: "ip", id: "10.0.0.0/8" }];
  assert.deepEqual(resolveOptions({ servers, acl }).acl, [
    { permissions: 31, scheme: "ip", id: "10.0.0.0/8" },
  ]);
  assert.deepEqual(resolveOptions({ servers, auth, acl: "creator-writes" }).acl, [
    { permissions: 31, scheme: "auth", id: "" },
    { permissions: 1, scheme: "world", id: "anyone" },
  ]);
});

const { certPem: cert, keyPem: key } = createAuthority().issue("a");

test.each<[string, unknown]>([
  ["options must be an object", null],
  ["servers must be 1 to 64", {}],
  ["servers must be 1 to 64", { servers: [] }],
  ["servers must be 1 to 64", { servers: Array.from({ length: 65 }, (_, n) => `h${n}`) }],
  ["servers must be texts", { servers: [1] }],
  ["sessionTimeout is not an option; there are acl, auth, ", { servers, sessionTimeout: 5 }],
  ['servers must be host:port, such as 127.0.0.1:2181 or [::1]:2181, got ""', { servers: "" }],
  ["servers must be host:port", { servers: "http://a:2181" }],
  ["servers has a:2181 twice", { servers: "a,a:2181" }],
  ["servers: the chroot each name in it must not be empty", { servers: "a//b" }],
  ["path must start with /", { servers, path: "services" }],
  ["path each name in it must not be empty", { servers, path: "/services/" }],
  ["path must be a text, got 7", { servers, path: 7 }],
  ['codec must be one of curator, dubbo, plain, got "json"', { servers, codec: "json" }],
  ['codec must be one of curator, dubbo, plain, got "toString"', { servers, codec: "toString" }],
  [
    "sessionTimeoutMs must be a whole number from 100 to 86400000, got 99",
    { servers, sessionTimeoutMs: 99 },
  ],
  ["timeouts must be an object", { servers, timeouts: 5 }],
  ["timeouts.connectMs must be a whole number", { servers, timeouts: { connectMs: 0 } }],
  ["timeouts.requestMs must be a whole number", { servers, timeouts: { requestMs: "5" } }],
  ["auth must be an object", { servers, auth: "bob:secret" }],
  ["auth must be an object", { servers, auth: [null] }],
  ['auth.scheme must be digest or sasl, got "kerberos"', { servers, auth: { scheme: "kerberos" } }],
  ["auth.username must be a text without a colon", { servers, auth: { ...auth, username: "a:b" } }],
  ["auth.password must be a text or a function", { servers, auth: { ...auth, password: 1 } }],
  ["acl must be open without auth or tls.cert", { servers, acl: "creator" }],
  ["acl must be open, creator, creator-writes or 1 to 64 entries", { servers, acl: "closed" }],
  ["acl must be open, creator, creator-writes or 1 to 64 entries", { servers, acl: [] }],
  ["acl entries must have a scheme and an id", { servers, acl: [{ permissions: "r" }] }],
  [
    "acl.permissions must be letters of cdrwa",
    { servers, acl: [{ permissions: "rr", scheme: "world", id: "anyone" }] },
  ],
  ["tls must be an object", { servers, tls: true }],
  ["tls.verify must be true or false", { servers, tls: { verify: "no" } }],
  ["tls.cert and tls.key must be given together", { servers, tls: { cert } }],
  [
    "tls.ca must be one certificate, or a list of them, in PEM",
    { servers, tls: { ca: "rubbish" } },
  ],
  [
    "tls.cert and tls.key must be PEM that fits together",
    { servers, tls: { cert, key: createAuthority().issue("b").keyPem } },
  ],
  ["weight must be a finite number >= 0, got -1", { servers, weight: -1 }],
  ["maxFrameBytes must be a whole number", { servers, maxFrameBytes: 1 }],
  ["name must be a text of 1 to 100 characters", { servers, name: "" }],
])("%s", (message, options) => {
  expect(() => zookeeperRegistry(options as ZookeeperOptions)).toThrow(
    expect.objectContaining({ code: "INVALID", message: expect.stringContaining(message) }),
  );
});

test("no refusal shows a secret", () => {
  for (const password of [["secret"], { secret: 1 }] as unknown[]) {
    try {
      zookeeperRegistry({ servers, auth: { ...auth, password } } as ZookeeperOptions);
      assert.fail();
    } catch (error) {
      assert.equal(String(error).includes("secret"), false);
    }
  }
  expect(() => zookeeperRegistry({ servers, tls: { cert, key: `${key}x` } })).not.toThrow(/BEGIN/);
});
