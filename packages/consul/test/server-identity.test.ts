import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { consulRegistry } from "../src/index.ts";
import { parseServerAddress } from "../src/server-address.ts";
import { isPeer, isSameCluster, type ServerIdentity } from "../src/server-identity.ts";
import { type FakeAnswer, fakeConsul } from "./fake-consul.ts";

const server = (fields: Partial<ServerIdentity>): ServerIdentity => ({
  datacenter: "dc1",
  nodeId: undefined,
  isServer: true,
  peers: ["10.0.0.1:8300", "10.0.0.2:8300", "10.0.0.3:8300"],
  ...fields,
});

describe("two servers", () => {
  const lone = ["127.0.0.1:8300"];
  test.each<[string, Partial<ServerIdentity>, Partial<ServerIdentity>, boolean]>([
    ["with the same peers", { nodeId: "a" }, { nodeId: "b" }, true],
    ["of which one has lost a peer", {}, { peers: ["10.0.0.3:8300"] }, true],
    ["of different datacentres", {}, { datacenter: "dc2" }, false],
    ["without a common peer", {}, { peers: ["10.9.0.1:8300"] }, false],
    ["that do not tell their datacentre", { datacenter: undefined }, {}, true],
    ["a server and an agent of it", { peers: lone }, { peers: lone, isServer: false }, true],
    ["for development, on two machines", { peers: lone }, { peers: lone }, false],
    ["by two addresses", { nodeId: "a", peers: lone }, { nodeId: "a", peers: lone }, true],
    ["without any peer", { peers: [] }, { peers: [] }, false],
  ])("%s", (_, a, b, expected) => {
    assert.equal(isSameCluster(server(a), server(b)), expected);
    assert.equal(isSameCluster(server(b), server(a)), expected);
  });
});

test.each([
  ["http://10.0.0.2:8500", true],
  ["https://10.0.0.2:8501", true],
  ["http://10.0.0.20:8500", false],
  ["http://consul.example.com:8500", false],
  ["http://127.0.0.1:8500", false],
  ["unix:///run/consul.sock", false],
])("%s that does not answer is a peer: %j", (address, expected) => {
  const known = server({ peers: ["10.0.0.1:8300", "10.0.0.2:8300", "127.0.0.1:8300"] });
  assert.equal(isPeer(parseServerAddress(address), known), expected);
});

test.each<[string, FakeAnswer, string | undefined]>([
  ["that tells it", { body: { Config: { Datacenter: "dc1" } } }, undefined],
  ["of another one", { body: { Config: { Datacenter: "dc2" } } }, "UNSUPPORTED"],
  ["whose word we may not hear", { status: 403, body: "Permission denied" }, undefined],
])("registering in a datacentre through a lone agent %s", async (_, self, code) => {
  await using consul = await fakeConsul(({ method, path }) => {
    if (method === "PUT") return { body: "" };
    if (path === "/v1/agent/self") return self;
    if (path === "/v1/catalog/service/consul") return { body: [] };
    if (path === "/v1/status/peers") return { body: ["127.0.0.1:8300"] };
    return path.startsWith("/v1/agent/health/") ? { status: 404, body: {} } : undefined;
  });
  await using registry = consulRegistry({ servers: consul.url, datacenter: "dc1" });
  const registering = registry.register({ service: "web", host: "127.0.0.1", port: 1 });
  if (code === undefined) await (await registering).deregister();
  else await assert.rejects(registering, { code });
});
