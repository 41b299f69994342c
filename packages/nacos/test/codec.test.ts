import assert from "node:assert/strict";

import { defineNode, type ServiceNode } from "@rollcall/core";
import { NodeSets } from "@rollcall/core/adapter";
import fc from "fast-check";
import { describe, test } from "vitest";

import { type Decoded, decodeInstance, encodeInstance } from "../src/codec.ts";
import { nodeSetOf } from "../src/node-set.ts";

const context = { registry: "nacos", service: "orders", weight: 100 };
const owner = { generation: 1_795_000_000_000, token: "0123456789abcdef", write: 3 };
const written = { owner, cluster: "DEFAULT", ephemeral: true, ttlMs: undefined };

/** An instance as Nacos 3.1.0 lists it. */
const listed = {
  instanceId: "10.0.0.5#8080#DEFAULT#DEFAULT_GROUP@@orders",
  ip: "10.0.0.5",
  port: 8080,
  weight: 1,
  healthy: true,
  enabled: true,
  ephemeral: true,
  clusterName: "DEFAULT",
  serviceName: "DEFAULT_GROUP@@orders",
  metadata: { version: "2" },
  instanceHeartBeatInterval: 5000,
  instanceHeartBeatTimeOut: 15_000,
  ipDeleteTimeout: 30_000,
};

describe("an instance of another client", () => {
  test.each<readonly [string, object, Partial<ServiceNode>]>([
    [
      "as it is",
      {},
      { id: "10.0.0.5:8080", host: "10.0.0.5", port: 8080, weight: 1, status: "up" },
    ],
    ["of weight 0", { weight: 0 }, { weight: 0, status: "up" }],
    ["of a fractional weight", { weight: 0.25 }, { weight: 0.25 }],
    ["without a weight", { weight: null }, { weight: 100 }],
    ["that is unhealthy", { healthy: false }, { status: "down" }],
    ["that is disabled", { enabled: false, healthy: false }, { status: "draining" }],
    ["without flags", { healthy: undefined, enabled: undefined }, { status: "up" }],
    ["of an IPv6 address", { ip: "::1" }, { id: "[::1]:8080", host: "::1" }],
    ["of an IPv6 address in brackets", { ip: "[::1]" }, { id: "[::1]:8080", host: "::1" }],
    ["of a name", { ip: "orders-1.example.com" }, { host: "orders-1.example.com" }],
    ["that speaks TLS", { metadata: { secure: "true" } }, { secure: true }],
    ["of a zone", { metadata: { zone: "a" } }, { zone: "a" }],
    ["of a cluster", { clusterName: "HZ" }, { zone: "HZ" }],
    ["of a cluster and a zone", { clusterName: "HZ", metadata: { zone: "a" } }, { zone: "a" }],
    ["with an id", { metadata: { "rollcall.id": "orders-1" } }, { id: "orders-1" }],
  ])("%s", (_, fields, expected) => {
    const { node, error } = decodeInstance({ ...listed, ...fields }, context);
    assert.equal(error, undefined);
    assert.ok(node !== undefined);
    assert.deepEqual({ ...node, ...expected }, { ...node });
  });

  test("keeps its metadata", () => {
    const metadata = { version: "2", "preserved.register.source": "SPRING_CLOUD", secure: "false" };
    const { node } = decodeInstance({ ...listed, metadata }, context);
    assert.deepEqual({ ...node?.metadata }, metadata);
  });

  test.each<readonly [string, unknown]>([
    ["nothing", null],
    ["a text", "10.0.0.5"],
    ["a list", []],
    ["no address", { ...listed, ip: undefined }],
    ["a hostile address", { ...listed, ip: "a b\r\nHost: evil" }],
    ["port 0", { ...listed, port: 0 }],
    ["a port that is none", { ...listed, port: "8080" }],
    ["too much metadata", { ...listed, metadata: { k: "x".repeat(70_000) } }],
  ])("%s is reported", (_, raw) => {
    const { node, error } = decodeInstance(raw, context);
    assert.equal(node, undefined);
    assert.equal(error?.code, "RECORD");
  });

  test("of a nonsensical weight is reported and served with the usual one", () => {
    const { node, error } = decodeInstance({ ...listed, weight: "NaN" }, context);
    assert.equal(node?.weight, 100);
    assert.equal(error?.code, "RECORD");
  });

  test("never makes reading throw", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (raw, fields) => {
        decodeInstance(raw, context);
        decodeInstance({ ...listed, ...fields }, context);
        decodeInstance({ ...listed, metadata: raw }, context);
      }),
    );
  });
});

describe("an instance of our own", () => {
  const key = fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
    fc.constantFrom(
      "zone",
      "secure",
      "rollcall.owner",
      "rollcall.meta.zone",
      "__proto__",
      "preserved.x",
    ),
  );
  const anyNode = fc.record(
    {
      id: fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 30 }),
      host: fc.constantFrom("10.0.0.1", "::1", "orders.example.com"),
      port: fc.integer({ min: 1, max: 65_535 }),
      secure: fc.boolean(),
      hostname: fc.constant("orders.example.com"),
      weight: fc.double({ min: 0, max: 10_000, noNaN: true }),
      priority: fc.integer({ min: -1_000, max: 1_000 }),
      status: fc.constantFrom("up", "starting", "draining", "down"),
      zone: fc.constantFrom("a", "eu-west-1a"),
      metadata: fc.dictionary(key, fc.string({ unit: "grapheme", maxLength: 30 }), { maxKeys: 5 }),
    },
    { requiredKeys: ["host", "port"] },
  );

  test("comes back as it was", () => {
    fc.assert(
      fc.property(anyNode, (input) => {
        // -0 is no weight of its own, and JSON does not know it.
        const node = defineNode({ service: "orders", ...input, weight: (input.weight ?? 1) + 0 });
        const stored = JSON.parse(JSON.stringify(encodeInstance(node, written))) as unknown;
        const decoded = decodeInstance(stored, context);
        assert.deepEqual(decoded.owner, owner);
        assert.deepEqual(decoded.node, node);
      }),
    );
  });

  test("takes no traffic, for anybody, unless it is up", () => {
    for (const status of ["starting", "draining", "down"] as const) {
      const node = defineNode({ service: "orders", host: "10.0.0.1", port: 80, status });
      const { weight, healthy, enabled } = encodeInstance(node, written);
      assert.deepEqual({ weight, healthy, enabled }, { weight: 0, healthy: true, enabled: true });
    }
  });

  test("says how long it lives without a beat when that is not what servers assume", () => {
    const node = defineNode({ service: "orders", host: "10.0.0.1", port: 80 });
    const { metadata } = encodeInstance(node, { ...written, ttlMs: 3_000 });
    assert.equal(metadata["preserved.heart.beat.timeout"], "3000");
    assert.equal(metadata["preserved.ip.delete.timeout"], "6000");
    const decoded = decodeInstance(encodeInstance(node, { ...written, ttlMs: 3_000 }), context);
    assert.deepEqual(decoded.node, node);
    const usual = encodeInstance(node, { ...written, ttlMs: 15_000 });
    assert.deepEqual(Object.keys(usual.metadata), ["rollcall.owner"]);
  });
});

describe("a list", () => {
  const decoded = (hosts: readonly unknown[]): readonly Decoded[] =>
    hosts.map((host) => decodeInstance(host, context));

  test("gives an unchanged instance as the very same node", () => {
    const sets = new NodeSets<Decoded>((records, known) => nodeSetOf(records, [], known), {
      isOrdered: true,
    });
    const first = sets.next(decoded([listed, { ...listed, port: 1 }]));
    const second = sets.next(
      decoded([
        { ...listed, metadata: { ...listed.metadata } },
        { ...listed, port: 1, weight: 2 },
      ]),
    );
    assert.equal(first.nodes[0], second.nodes[0]);
    assert.notEqual(first.nodes[1], second.nodes[1]);
    // Wherever in the list it stands.
    const third = sets.next(
      decoded([{ ...listed, port: 2 }, { ...listed, port: 1, weight: 2 }, listed]),
    );
    assert.equal(third.nodes[1], second.nodes[1]);
    assert.equal(third.nodes[2], first.nodes[0]);
  });

  test("is cut down to the clusters that are wanted", () => {
    const hosts = [
      listed,
      { ...listed, port: 1, clusterName: "A" },
      { ...listed, port: 2, clusterName: "B" },
    ];
    const ports = (clusters: readonly string[]): number[] =>
      nodeSetOf(decoded(hosts), clusters, new Map()).nodes.map(({ port }) => port);
    assert.deepEqual(ports([]), [8080, 1, 2]);
    assert.deepEqual(ports(["A", "DEFAULT"]), [8080, 1]);
    assert.deepEqual(ports(["C"]), []);
  });

  test("has one node per id: that of the youngest owner, else of an owner, else one that is up", () => {
    const metadata = (generation: number): object => ({
      "rollcall.id": "orders-1",
      "rollcall.owner": `${generation}.0123456789abcdef.1`,
    });
    const hosts = [
      { ...listed, port: 1, metadata: metadata(1) },
      { ...listed, port: 2, metadata: metadata(2) },
      { ...listed, port: 3, metadata: { "rollcall.id": "orders-1" } },
      { ...listed, port: 4, healthy: false, metadata: { "rollcall.id": "x" } },
      { ...listed, port: 5, metadata: { "rollcall.id": "x" } },
    ];
    for (const order of [hosts, hosts.toReversed()]) {
      const { nodes, rejected } = nodeSetOf(decoded(order), [], new Map());
      assert.deepEqual(new Set(nodes.map(({ port }) => port)), new Set([2, 5]));
      assert.deepEqual(rejected, []);
    }
  });
});
