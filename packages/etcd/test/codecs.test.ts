import { defineNode, type NodeInput, type ServiceNode } from "@rollcall/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  type Codec,
  goZeroCodec,
  grpcCodec,
  kitexCodec,
  kratosCodec,
  rollcallCodec,
} from "../src/index.ts";
import { decodeStored } from "../src/stored-node.ts";
import { fixtures } from "./fixtures/records.ts";

const codecs = [rollcallCodec, grpcCodec, kratosCodec, goZeroCodec, kitexCodec];

function decode(codec: Codec, key: string, value: string): ServiceNode {
  const place = codec.locate(key);
  if (place === undefined) throw new Error("the key is none of a node");
  return decodeStored(Buffer.from(value), place, { codec, registry: "etcd", weight: 100 });
}

describe.each(codecs)("$name", (codec) => {
  const own = fixtures.filter((fixture) => fixture.codec === codec.name);

  test.each(own)("reads $title", ({ key, value, node }) => {
    expect(key.startsWith(codec.prefix)).toBe(true);
    expect(decode(codec, key.slice(codec.prefix.length), value)).toEqual(defineNode(node));
  });

  test.each(own.filter(({ isWritten }) => isWritten))("writes $title", ({ key, value, node }) => {
    const encoded = codec.encode(defineNode(node));
    expect(codec.prefix + encoded.key).toBe(key);
    expect(encoded.value).toBe(value);
  });

  test("gives back what it keeps of any node", () => {
    fc.assert(
      fc.property(nodes, (input) => {
        const node = defineNode(input);
        const { key, value } = codec.encode(node);
        expect(key.startsWith(codec.servicePrefix(node.service))).toBe(true);
        expect(codec.locate(key)?.service).toBe(node.service);
        if (value === undefined) return;
        const read = decode(codec, key, value);
        for (const field of codec.keeps) expect(read[field]).toEqual(node[field]);
      }),
    );
  });

  test("leaves a node out that must get no traffic and cannot say so", () => {
    const saysStatus = codec.keeps.includes("status");
    const isLeftOut = (fields: Partial<NodeInput>): boolean =>
      codec.encode(defineNode({ service: "a", host: "h", port: 1, ...fields })).value === undefined;
    for (const status of ["starting", "draining", "down", "unknown"] as const) {
      expect(isLeftOut({ status })).toBe(!saysStatus);
    }
    expect(isLeftOut({ weight: 0 })).toBe(!saysStatus);
    expect(isLeftOut({})).toBe(false);
  });

  test("keeps the keys of services apart", () => {
    fc.assert(
      fc.property(names, names, names, (one, other, id) => {
        if (one === other) return;
        const { key } = codec.encode(defineNode({ service: other, id, host: "h", port: 1 }));
        // Either its keys do not begin so, or what they say of the service tells.
        if (!key.startsWith(codec.servicePrefix(one))) return;
        expect(codec.locate(key)?.service).toBe(other);
      }),
    );
  });

  test("says of any value that it is a node or a bad record, and nothing else", () => {
    const values = fc.oneof(fc.string(), fc.json(), fc.constantFrom(...hostile));
    fc.assert(
      fc.property(values, (value) => {
        try {
          decode(codec, `${codec.servicePrefix("orders")}1`, value);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "RECORD" });
          expect((thrown as Error).message.length).toBeLessThan(500);
        }
      }),
    );
  });

  test.each(["", "/", "orders", "orders/", "/1"])("takes %j for no record", (key) => {
    expect(codec.locate(key)).toBeUndefined();
  });
});

describe("a record of rollcall", () => {
  const place = { service: "orders", id: "1" };
  const read = (value: object): ServiceNode =>
    decode(rollcallCodec, "orders/1", JSON.stringify({ host: "h", port: 1, ...value }));

  test("needs host and port only", () => {
    expect(read({})).toEqual(defineNode({ ...place, host: "h", port: 1 }));
  });

  test("takes null for a field that is not there", () => {
    const all = { v: null, secure: null, weight: null, status: null, zone: null, metadata: null };
    expect(read(all)).toEqual(read({}));
  });

  test("makes texts of numbers and flags in metadata, and ignores fields it does not know", () => {
    const { metadata } = read({ metadata: { a: 1, b: true, c: "x", d: { e: 1 } }, more: [] });
    expect({ ...metadata }).toEqual({ a: "1", b: "true", c: "x" });
  });

  test("reads a status that is none of ours as unknown", () => {
    expect(read({ status: "sleeping" }).status).toBe("unknown");
  });

  test.each([
    [{ v: 2 }, "v must be 1"],
    [{ port: "80" }, "port must be an integer"],
    [{ port: 70_000 }, "port must be an integer"],
    [{ host: "" }, "host must be a string"],
    [{ host: "a b" }, "host must be an IPv4"],
    [{ weight: -1 }, "weight must be"],
    [{ weight: "5" }, "weight must be"],
    [{ secure: "yes" }, "secure must be"],
    [{ metadata: [] }, "metadata must be an object"],
    [{ zone: 5 }, "zone must be"],
  ])("refuses %j", (value, reason) => {
    expect(() => read(value)).toThrow(reason);
  });

  test("holds a key named __proto__ as any other", () => {
    const value = '{"host":"h","port":1,"metadata":{"__proto__":"x","a":"1"}}';
    const { metadata } = decode(rollcallCodec, "orders/1", value);
    expect(Object.entries(metadata)).toEqual([
      ["__proto__", "x"],
      ["a", "1"],
    ]);
  });

  test("writes names with slashes and percent signs so that they come back", () => {
    const node = defineNode({ service: "a/b%2Fc", id: "x/y%", host: "h", port: 1 });
    const { key } = rollcallCodec.encode(node);
    expect(key).toBe("a%2Fb%252Fc/x%2Fy%25");
    expect(rollcallCodec.locate(key)).toEqual({ service: "a/b%2Fc", id: "x/y%" });
  });
});

test("nothing of a value stands in the error about it", () => {
  const secret = '{"host":"h","port":1,"password":"hunter2"';
  for (const codec of codecs) {
    const key = `${codec.servicePrefix("orders")}1`;
    expect(() => decode(codec, key, secret)).toThrow(/^((?!hunter2).)*$/);
  }
});

const hostile = [
  "null",
  "[]",
  '{"host":{},"port":{}}',
  '{"__proto__":{"host":"h","port":1}}',
  '{"endpoints":[{"toString":1}]}',
  '{"Addr":{"length":3}}',
  '{"address":"h:1","network":"tcp","weight":1e999,"tags":{"rollcall.weight":"NaN"}}',
  "127.0.0.1:99999",
  "[::1]:80",
  "::1:80",
  "h:80\u0000",
  `${"9".repeat(10_000)}:1`,
];

const names = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 20, unit: "binary" }),
    fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom("a", "/", "%", "2", "F", "-") }),
  )
  .filter((name) => !/[\u0000-\u001f\u007f]/.test(name) && name.isWellFormed());
const texts = fc.string({ maxLength: 20, unit: "binary" }).filter((text) => text.isWellFormed());
const keys = fc.oneof(
  texts,
  fc.constantFrom("weight", "zone", "version", "rollcall.id", "rollcall.meta.weight", "__proto__"),
);
const nodes: fc.Arbitrary<NodeInput> = fc.record(
  {
    service: names,
    id: names,
    host: fc.constantFrom("10.0.0.1", "::1", "2001:db8::1", "orders.example.com"),
    port: fc.integer({ min: 1, max: 65_535 }),
    secure: fc.boolean(),
    hostname: fc.constantFrom("orders.example.com"),
    weight: fc.double({ min: 0, max: 1e9, noNaN: true }),
    priority: fc.integer(),
    status: fc.constantFrom("up", "draining"),
    zone: names,
    metadata: fc.dictionary(keys, texts),
  },
  { requiredKeys: ["service", "host", "port"] },
) as fc.Arbitrary<NodeInput>;
