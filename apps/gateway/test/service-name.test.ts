import { DiscoveryError } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { serviceNameProblem } from "../src/config/registries/service-name.ts";
import { registryFactories } from "../src/registry-factories.ts";
import { loadText } from "./config-file.ts";

const names = [
  "ORDERS",
  "orders-eu.v2_x",
  ".",
  "..",
  "...",
  "a/b",
  "/a",
  "a/",
  "a//b",
  "a/../b",
  "a\\b",
  "a b",
  "a\u00a0b",
  "日本",
  "ü",
  "😀",
  "\ue000",
  "\ud800",
  "@a",
  "a@b",
  "a@@b",
  "a%2Fb",
  "a:b",
  "__proto__",
];

describe.each([
  ["eureka", () => registryFactories.eureka({ name: "r", servers: "http://127.0.0.1:1/eureka/" })],
  ["etcd", () => registryFactories.etcd({ name: "r", hosts: "127.0.0.1:1" })],
  ["consul", () => registryFactories.consul({ name: "r", servers: "http://127.0.0.1:1" })],
  ["zookeeper", () => registryFactories.zookeeper({ name: "r", servers: "127.0.0.1:1" })],
  ["nacos", () => registryFactories.nacos({ name: "r", servers: "http://127.0.0.1:1" })],
] as const)("%s", (type, make) => {
  test.each(names)("takes %j exactly when its package does", async (service) => {
    // A fresh one waits for nothing before it tries.
    await using registry = make();
    // Nothing listens there: what is not refused for its name cannot be reached.
    const error: unknown = await registry.read({ service }, AbortSignal.timeout(10_000)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof DiscoveryError)) throw error;
    expect(serviceNameProblem(type, service) === undefined).toBe(error.code !== "INVALID");
  });
});

test("a name that the registry cannot hold is told where it stands", () => {
  const { lines } = loadText(`listen: [{ port: 1 }]
discovery:
  zookeeper: { host: ["a:1"] }
  eu: { type: nacos, host: ["http://a:1"] }
upstreams:
  - { id: u, service_name: a/b, discovery_type: zookeeper }
routes:
  - { uri: /b, upstream: { discovery_type: eu, service_name: "a b" } }
  - { uri: /c, upstream: { discovery_type: eu, service_name: a/b } }
`);
  expect(lines).toEqual([
    'c.yaml:6:28: upstreams[0].service_name must be without /, controls, private characters and characters beyond U+FFEF for zookeeper, got "a/b"',
    'c.yaml:8:62: routes[0].upstream.service_name must be without spaces, Chinese characters and @@, and must not begin with @ for nacos, got "a b"',
  ]);
});
