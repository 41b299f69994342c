import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { defineNode, nodeStatuses, type ServiceNode } from "@rollcall/core";
import fc from "fast-check";
import { test } from "vitest";

import type { Codec, Decoded, EncodeContext } from "../src/codecs/codec.ts";
import { curatorCodec } from "../src/codecs/curator.ts";
import { dubboCodec } from "../src/codecs/dubbo.ts";
import { plainCodec } from "../src/codecs/plain.ts";

const context = { registry: "zookeeper", service: "orders", id: "1", weight: 100 };
const owner = { generation: 1_700_000_000_000, uuid: "7f0c5a3e-2f0b-4a53-9d3c-0c6f1b8c2a11" };
const encoding: EncodeContext = { owner, revision: 1, registeredAtMs: 1, edits: {} };

function decode(codec: Codec, data: unknown): Decoded {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return codec.decode(Buffer.from(text), context);
}

function fixture(name: string): { service: string; id: string; data: string } {
  const file = new URL(`./fixtures/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as { service: string; id: string; data: string };
}

function plainOf(node: ServiceNode | undefined): object {
  return { ...node, metadata: { ...node?.metadata } };
}

const record = {
  name: "orders",
  id: "1",
  address: "10.0.0.1",
  port: 80,
  sslPort: null,
  payload: null,
};
const withStatus = (instance_status: unknown): object => ({
  ...record,
  payload: { metadata: { instance_status } },
});

test("a record of Spring Cloud Zookeeper is a node", () => {
  const { service, id, data } = fixture("curator-5.7.1-spring-cloud-4.3.0");
  const { node, error } = curatorCodec.decode(Buffer.from(data), { ...context, service, id });
  assert.equal(error, undefined);
  assert.deepEqual(plainOf(node), {
    service: "orders",
    id: "7f0c5a3e-2f0b-4a53-9d3c-0c6f1b8c2a11",
    host: "127.0.0.1",
    port: 19_072,
    secure: false,
    hostname: undefined,
    weight: 100,
    priority: 0,
    status: "up",
    zone: undefined,
    metadata: { instance_status: "UP", "written-by": "curator" },
  });
});

test("what we write has the fields of Spring's record, in their order", () => {
  const { data } = fixture("curator-5.7.1-spring-cloud-4.3.0");
  const theirs = JSON.parse(data) as Record<string, unknown>;
  const node = defineNode({ service: "orders", id: "1", host: "10.0.0.1", port: 80 });
  const ours = JSON.parse(String(curatorCodec.encode(node, encoding))) as Record<string, unknown>;
  assert.deepEqual(Object.keys(ours), Object.keys(theirs));
  const { uriSpec, serviceType, payload } = ours as {
    payload: Record<string, unknown>;
  } & typeof ours;
  assert.deepEqual(uriSpec, theirs["uriSpec"]);
  assert.equal(serviceType, theirs["serviceType"]);
  assert.deepEqual(Object.keys(payload), Object.keys(theirs["payload"] as object));
  assert.equal(payload["@class"], (theirs["payload"] as Record<string, unknown>)["@class"]);
});

test("a Dubbo application is a node, and what we write for Dubbo has its class", () => {
  const { service, id, data } = fixture("dubbo-3.unverified");
  const { node } = dubboCodec.decode(Buffer.from(data), { ...context, service, id });
  assert.equal(node?.id, "10.0.0.1:20880");
  assert.equal(node?.status, "up");
  assert.equal(node?.metadata["dubbo.metadata.storage-type"], "local");
  const own = defineNode({ service: "app", host: "10.0.0.2", port: 20_880 });
  const written = JSON.parse(String(dubboCodec.encode(own, encoding))) as {
    id: string;
    payload: { "@class": string; id: string; metadata: Record<string, string> };
  };
  assert.equal(written.id, "10.0.0.2:20880");
  assert.equal(written.payload.id, "10.0.0.2:20880");
  assert.equal(written.payload["@class"], "org.apache.dubbo.registry.zookeeper.ZookeeperInstance");
  assert.equal(written.payload.metadata["dubbo.endpoints"], '[{"port":20880,"protocol":"dubbo"}]');
});

test.each<[string, object, Partial<ServiceNode>]>([
  ["no payload", record, { host: "10.0.0.1", port: 80, status: "up", weight: 100 }],
  [
    "only what dubbo-go writes",
    { name: "a", id: "1", address: "10.0.0.1", port: 80 },
    { port: 80 },
  ],
  ["a text as payload", { ...record, payload: "x" }, { status: "up" }],
  ["a secure port, which wins", { ...record, sslPort: 443 }, { port: 443, secure: true }],
  ["only a secure port", { ...record, port: null, sslPort: 443 }, { port: 443, secure: true }],
  ["a port as text", { ...record, port: "80" }, { port: 80 }],
  ["a DNS name", { ...record, address: "orders.example.com" }, { host: "orders.example.com" }],
  ["an IPv6 address in brackets", { ...record, address: "[::1]" }, { host: "::1" }],
  ["UP in small letters", withStatus("up"), { status: "up" }],
  ["an empty status", withStatus(" "), { status: "up" }],
  ["OUT_OF_SERVICE", withStatus("OUT_OF_SERVICE"), { status: "draining" }],
  ["STARTING", withStatus("STARTING"), { status: "starting" }],
  ["DOWN", withStatus("Down"), { status: "down" }],
  ["a status nobody knows", withStatus("MAINTENANCE"), { status: "unknown" }],
  ["Curator's enabled: false", { ...record, enabled: false }, { status: "draining" }],
  ["Curator's enabled: true", { ...record, enabled: true }, { status: "up" }],
  [
    "weight and zone",
    { ...record, payload: { metadata: { weight: 7, zone: "a", big: true } } },
    { weight: 7, zone: "a" },
  ],
])("a record with %s is read", (_, data, expected) => {
  const { node, error } = decode(curatorCodec, data);
  assert.equal(error, undefined);
  assert.deepEqual({ ...node, ...expected }, { ...node });
});

test.each<[string, unknown]>([
  ["no JSON", "{"],
  ["nothing", ""],
  ["an array", []],
  ["no address", { ...record, address: null }],
  ["a number as address", { ...record, address: 1 }],
  ["an address that is none", { ...record, address: "a b" }],
  ["no port", { ...record, port: null }],
  ["port 0", { ...record, port: 0 }],
  ["port 65536", { ...record, port: 65_536 }],
  ["half a port", { ...record, port: 80.5 }],
  ["a word as port", { ...record, port: "http" }],
  ["a broken secure port beside a good one", { ...record, sslPort: -1 }],
  ["a depth that no parser likes", "[".repeat(200_000)],
])("a record with %s is reported", (_, data) => {
  const { node, error } = decode(curatorCodec, data);
  assert.equal(node, undefined);
  assert.equal(error?.code, "RECORD");
});

test("a weight that is nonsense is reported, and the default is used", () => {
  for (const weight of ["much", "-1", "NaN", "1e999", ""]) {
    const { node, error } = decode(curatorCodec, { ...record, payload: { metadata: { weight } } });
    assert.equal(node?.weight, 100);
    assert.equal(error?.code, "RECORD");
  }
});

test("a key such as __proto__ is an ordinary key", () => {
  const data = `{"address":"10.0.0.1","port":80,"payload":{"metadata":{"__proto__":"x","weight":"1"}}}`;
  const { node } = decode(curatorCodec, data);
  assert.equal(node?.metadata["__proto__"], "x");
  assert.equal(node?.weight, 1);
});

const names = fc
  .string({ minLength: 1, maxLength: 20 })
  .filter((text) => !/[\0-\x1f\x7f]/.test(text));
const metadata = fc.dictionary(
  fc.oneof(
    names,
    fc.constantFrom("weight", "zone", "instance_status", "rollcall.owner", "rollcall.meta.x"),
    fc.constantFrom("__proto__", "@class", "dubbo.endpoints", "protocol", "rollcall.added"),
  ),
  fc.string({ maxLength: 50 }),
);
const nodes = fc
  .record({
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    port: fc.integer({ min: 1, max: 65_535 }),
    secure: fc.boolean(),
    hostname: fc.option(fc.domain(), { nil: undefined }),
    weight: fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e6, noNaN: true })),
    priority: fc.integer(),
    status: fc.constantFrom(...nodeStatuses),
    zone: fc.option(names, { nil: undefined }),
    metadata,
  })
  .map((fields) => defineNode({ service: "orders", id: "1", ...fields }));

test.each([curatorCodec, dubboCodec])("any node written is the same node read ($name)", (codec) => {
  fc.assert(
    fc.property(nodes, (node) => {
      const data = codec.encode(node, encoding);
      const { node: read, error } = codec.decode(data ?? Buffer.alloc(0), context);
      assert.equal(error, undefined);
      assert.deepEqual(plainOf(read), plainOf(node));
      assert.deepEqual(codec.inspect(data!, [data!]).owner, owner);
      assert.deepEqual({ ...codec.inspect(data!, [data!]).edits }, {});
    }),
  );
});

test("no data, whatever it is, throws", () => {
  const data = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({ address: fc.anything(), port: fc.anything(), payload: fc.jsonValue() })
      .map((value) => Buffer.from(JSON.stringify({ ...value }, unlessBig) ?? "")),
  );
  fc.assert(
    fc.property(data, fc.constantFrom(curatorCodec, dubboCodec, plainCodec), (bytes, codec) => {
      const { node, error } = codec.decode(bytes, context);
      assert.ok(node !== undefined || error?.code === "RECORD");
      codec.inspect(bytes, [bytes]);
      codec.differences(bytes, Buffer.from("{}"));
    }),
  );
});

function unlessBig(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

test.each([
  ["10.0.0.1:80", "10.0.0.1", 80, 100],
  ["orders.example.com:8080\n", "orders.example.com", 8080, 100],
  ["[::1]:80", "::1", 80, 100],
  ["10.0.0.1:80:7", "10.0.0.1", 80, 7],
])("%j is a plain record", (text, host, port, weight) => {
  const { node } = decode(plainCodec, text);
  assert.deepEqual([node?.host, node?.port, node?.weight], [host, port, weight]);
});

test("a plain record without data is named by its address", () => {
  const { node } = plainCodec.decode(Buffer.alloc(0), { ...context, id: "10.0.0.1:80" });
  assert.deepEqual([node?.host, node?.port, node?.id], ["10.0.0.1", 80, "10.0.0.1:80"]);
});

test.each(["", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:99999", "::1:80", "[a]:80", "http://a:80"])(
  "%j is no plain record",
  (text) => {
    assert.equal(decode(plainCodec, text).error?.code, "RECORD");
  },
);

test("a plain record holds what takes traffic, and only its address", () => {
  const node = defineNode({ service: "orders", id: "1", host: "::1", port: 80, weight: 7 });
  assert.equal(String(plainCodec.encode(node, encoding)), "[::1]:80");
  for (const off of [{ status: "draining" }, { weight: 0 }] as const) {
    assert.equal(plainCodec.encode(defineNode({ ...node, ...off }), encoding), undefined);
  }
});

test("operators' changes are told from damage", () => {
  const node = defineNode({
    service: "orders",
    id: "1",
    host: "10.0.0.1",
    port: 80,
    metadata: { version: "1" },
  });
  const written = curatorCodec.encode(node, encoding)!;
  const edit = (change: (record: Written) => void): Buffer => {
    const changed = JSON.parse(String(written)) as Written;
    change(changed);
    return Buffer.from(JSON.stringify(changed));
  };
  const editsOf = (stored: Buffer): object | undefined => {
    const { edits } = curatorCodec.inspect(stored, [written]);
    return edits && { ...edits };
  };
  const out = edit(({ payload }) => {
    payload.metadata["instance_status"] = "OUT_OF_SERVICE";
    payload.metadata["weight"] = "7";
    payload.metadata["note"] = "maintenance";
  });
  const edits = { instance_status: "OUT_OF_SERVICE", weight: "7", note: "maintenance" };
  assert.deepEqual(editsOf(out), edits);
  // Entered again with them, the record is as the operator left it.
  const again = curatorCodec.encode(node, { ...encoding, revision: 2, edits })!;
  const { node: read } = curatorCodec.decode(again, context);
  assert.deepEqual(
    [read?.status, read?.weight, read?.metadata["note"]],
    ["draining", 7, "maintenance"],
  );

  const disabled = edit((changed) => {
    changed.enabled = false;
  });
  const kept = curatorCodec.encode(node, { ...encoding, edits: editsOf(disabled) as Edits })!;
  assert.equal(curatorCodec.decode(kept, context).node?.status, "draining");

  for (const damage of [
    edit((changed) => (changed.address = "10.0.0.2")),
    edit((changed) => (changed.port = 81)),
    edit(({ payload }) => delete payload.metadata["version"]),
    edit(({ payload }) => (payload.metadata["rollcall.owner"] = "x")),
    edit(({ payload }) => (payload["@class"] = "x")),
    Buffer.from("{}"),
    Buffer.from("rubbish"),
  ]) {
    assert.equal(editsOf(damage), undefined);
  }
});

test("an older write of ours is not an operator's change", () => {
  const before = defineNode({
    service: "orders",
    id: "1",
    host: "a",
    port: 80,
    metadata: { v: "1" },
  });
  const after = defineNode({ ...before, metadata: { v: "2" } });
  const older = curatorCodec.encode(before, encoding)!;
  const newer = curatorCodec.encode(after, { ...encoding, revision: 2 })!;
  assert.deepEqual({ ...curatorCodec.inspect(older, [newer, older]).edits }, {});
  assert.deepEqual([...curatorCodec.differences(older, newer)].sort(), ["rollcall.owner", "v"]);
});

type Edits = Readonly<Record<string, string>>;
interface Written {
  address: string;
  port: number;
  enabled?: boolean;
  payload: { "@class": string; metadata: Record<string, string> };
}
