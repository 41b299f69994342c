import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { parseServerAddress } from "../src/server-address.ts";
import { isPeer, isSameCluster, type ServerIdentity } from "../src/server-identity.ts";

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
