import assert from "node:assert/strict";

import * as fc from "fast-check";
import { describe, test } from "vitest";

import { DiscoveryError } from "../src/error.ts";
import {
  defineNode,
  isDefinedNode,
  isRoutable,
  maxMetadataBytes,
  type NodeInput,
  nodeStatuses,
  sameAddress,
  sameNode,
} from "../src/node.ts";

const input: NodeInput = { service: "orders", host: "10.0.0.1", port: 80 };

test("fills in the defaults", () => {
  assert.deepEqual(
    { ...defineNode(input), metadata: {} },
    {
      service: "orders",
      id: "10.0.0.1:80",
      host: "10.0.0.1",
      port: 80,
      secure: false,
      hostname: undefined,
      weight: 100,
      priority: 0,
      status: "up",
      zone: undefined,
      metadata: {},
    },
  );
  assert.equal(defineNode({ ...input, host: "2001:db8::1" }).id, "[2001:db8::1]:80");
});

const accepted: Partial<Record<keyof NodeInput, readonly unknown[]>> = {
  service: ["a", "a-b", "a/b", "A", "日本", " ", "x".repeat(255), "__proto__"],
  host: [
    "a",
    "A.b-c.d_e",
    "_grpc.local",
    "a.",
    "255.255.255.255",
    "::",
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
    "1a",
    "x0.1",
    "a".repeat(63),
    `${"a.".repeat(126)}a`,
  ],
  port: [1, 65_535],
  weight: [0, 0.001, 1, 1e300],
  priority: [-5, 0, 7],
  status: nodeStatuses,
  secure: [true, false],
  id: ["x", "x".repeat(512), "host:app:80"],
  hostname: [undefined, "orders.example", "10.0.0.1"],
  zone: [undefined, "z", "x".repeat(255)],
  metadata: [undefined, {}, { a: "" }, { "": "x" }, { a: "x".repeat(maxMetadataBytes - 1) }],
};

const refused: Partial<Record<keyof NodeInput, readonly unknown[]>> = {
  service: [undefined, null, "", 7, "a\nb", "\u0000", "a\u007f", "x".repeat(256), ["a"]],
  host: [
    undefined,
    null,
    "",
    7,
    " ",
    "a b",
    "[::1]",
    "::1::",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.1",
    "127.1",
    "0",
    "user:pass@host",
    "host:80",
    "host/path",
    "http://host",
    "a..b",
    "-a",
    ".",
    "a".repeat(64),
    `${"a.".repeat(127)}a`,
    "host\r\nX: y",
    "bücher.example",
  ],
  port: [undefined, null, 0, -1, 65_536, 1.5, "80", Number.NaN, Infinity, 80n],
  weight: [null, -1, Number.NaN, Infinity, "1", 1n],
  priority: [null, 0.5, Number.NaN, Infinity, "1", 2 ** 53],
  status: [null, "UP", "", 1],
  secure: [null, 0, "true"],
  id: [null, "", 7, "x".repeat(513), "a\u001b[0m"],
  hostname: [null, "", "a b", "host:80", 7],
  zone: [null, "", 7, "x".repeat(256), "a\tb"],
  metadata: [
    null,
    "x",
    7,
    [],
    ["a"],
    { a: 1 },
    { a: null },
    { a: undefined },
    { a: { b: "c" } },
    { a: "x".repeat(maxMetadataBytes) },
    { a: "ü".repeat(maxMetadataBytes / 2) },
    { ["k".repeat(maxMetadataBytes + 1)]: "" },
  ],
};

describe("bounds", () => {
  for (const [field, values] of Object.entries(accepted)) {
    test(`${field}: accepted`, () => {
      for (const value of values) {
        const defined = defineNode({ ...input, [field]: value });
        if (field !== "metadata") assert.equal(defined[field as "id"], value);
      }
    });
  }
  for (const [field, values] of Object.entries(refused)) {
    test(`${field}: refused, by name`, () => {
      for (const value of values) {
        assert.throws(
          () => defineNode({ ...input, [field]: value }),
          (error: unknown) =>
            error instanceof DiscoveryError &&
            error.code === "INVALID" &&
            error.reason.startsWith(field) &&
            error.reason.includes(", got ") &&
            error.message.length < 400,
          `${field}: ${String(value)}`,
        );
      }
    });
  }

  test("what is no object at all", () => {
    for (const value of [undefined, null, 7, "x", () => 1, Symbol("x")]) {
      assert.throws(
        () => defineNode(value as never),
        (error) => error instanceof DiscoveryError && error.code === "INVALID",
      );
    }
  });
});

describe("hostile input", () => {
  test("a key `__proto__` is an ordinary key", () => {
    const metadata = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const defined = defineNode({ ...input, metadata });
    for (const key of ["toString", "hasOwnProperty", "valueOf"]) {
      assert.equal(key in defined.metadata, false);
    }
    assert.equal("__proto__" in defineNode(input).metadata, false);
    assert.deepEqual(Object.entries(defined.metadata), [
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    assert.equal(({} as Record<string, unknown>)["x"], undefined);
  });

  test("what was checked is what is kept, whatever getters say later", () => {
    for (const field of ["service", "host", "port", "weight", "id", "zone", "hostname"] as const) {
      let reads = 0;
      const good = { ...input, weight: 1, id: "a", zone: "z", hostname: "h" }[field];
      const trap = Object.defineProperty({ ...input }, field, {
        enumerable: true,
        get: () => ((reads += 1) === 1 ? good : "\u0000"),
      });
      assert.equal(defineNode(trap)[field], good);
    }
  });

  test("getters and proxies that throw are INVALID like everything else", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const boom = (): never => {
      throw new TypeError("secret");
    };
    const traps: unknown[] = [
      proxy,
      { ...input, metadata: proxy },
      Object.defineProperty({}, "service", { get: boom }),
      { ...input, metadata: Object.defineProperty({}, "a", { enumerable: true, get: boom }) },
      { ...input, host: { toString: boom, [Symbol.toPrimitive]: boom } },
      { ...input, status: { toString: boom } },
      { ...input, zone: Object.assign(() => 1, { toString: boom }) },
    ];
    for (const trap of traps) {
      assert.throws(
        () => defineNode(trap as NodeInput),
        (error) =>
          error instanceof DiscoveryError &&
          error.code === "INVALID" &&
          !error.message.includes("secret"),
      );
    }
  });

  test("the input may change afterwards", () => {
    const metadata = { a: "1" };
    const given = { ...input, metadata };
    const defined = defineNode(given);
    metadata.a = "2";
    given.port = 81;
    assert.equal(defined.metadata["a"], "1");
    assert.equal(defined.port, 80);
    assert.ok(Object.isFrozen(defined) && Object.isFrozen(defined.metadata));
  });
});

const anything = fc.oneof(
  fc.anything(),
  fc.string({ unit: "binary" }),
  fc.integer(),
  fc.double(),
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.constantFrom(...nodeStatuses),
  fc.dictionary(fc.string(), fc.string()),
);
const fields = ["service", "id", "host", "port", "secure", "hostname", "weight"] as const;
const otherFields = ["priority", "status", "zone", "metadata"] as const;

test("property: never out of bounds, never anything but INVALID", () => {
  const good = fc.record({
    service: fc.constant("orders"),
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    port: fc.integer({ min: 1, max: 65_535 }),
  });
  const odd = fc.record(
    Object.fromEntries([...fields, ...otherFields].map((field) => [field, anything])),
    { requiredKeys: [] },
  );
  let made = 0;
  fc.assert(
    fc.property(good, odd, fc.subarray([...fields, ...otherFields]), (base, extra, chosen) => {
      const mixed = {
        ...base,
        ...Object.fromEntries(chosen.flatMap((key) => (key in extra ? [[key, extra[key]]] : []))),
      };
      let defined;
      try {
        defined = defineNode(mixed);
      } catch (error) {
        assert.ok(error instanceof DiscoveryError && error.code === "INVALID", String(error));
        assert.ok(error.message.length < 1_000);
        return;
      }
      made += 1;
      const { service, id, host, port, weight, priority, status, metadata } = defined;
      const control = /[\u0000-\u001f\u007f]/;
      for (const name of [service, id, host]) assert.ok(name !== "" && !control.test(name));
      assert.ok(service.length <= 255 && id.length <= 512 && host.length <= 254);
      assert.ok(Number.isInteger(port) && port >= 1 && port <= 65_535);
      assert.ok(Number.isFinite(weight) && weight >= 0);
      assert.ok(Number.isSafeInteger(priority));
      assert.ok(nodeStatuses.includes(status));
      assert.ok(Object.values(metadata).every((value) => typeof value === "string"));
      assert.ok(Buffer.byteLength(JSON.stringify(metadata)) < maxMetadataBytes * 8);
      assert.ok(isDefinedNode(defined));
      const again = defineNode(defined);
      assert.ok(sameNode(defined, again));
      assert.ok(sameNode(defined, defineNode(JSON.parse(JSON.stringify(defined)) as NodeInput)));
    }),
    { numRuns: 3_000 },
  );
  assert.ok(made > 300, `only ${made} were good`);
});

test("sameNode tells every field apart, sameAddress only the way to it", () => {
  const base = defineNode({ ...input, metadata: { a: "1", b: "2" } });
  assert.ok(sameNode(base, defineNode({ ...input, metadata: { b: "2", a: "1" } })));
  const others: Partial<NodeInput>[] = [
    { service: "x" },
    { id: "x" },
    { host: "x" },
    { port: 81 },
    { secure: true },
    { hostname: "x" },
    { weight: 1 },
    { priority: 1 },
    { status: "down" },
    { zone: "x" },
    { metadata: { a: "1" } },
    { metadata: { a: "1", b: "3" } },
    { metadata: { a: "1", c: "2" } },
  ];
  for (const other of others) {
    const changed = defineNode({ ...base, ...other });
    assert.ok(!sameNode(base, changed), JSON.stringify(other));
    const moved = "host" in other || "port" in other || "secure" in other;
    assert.equal(sameAddress(base, changed), !moved, JSON.stringify(other));
  }
});

test("routable: up, with a weight", () => {
  for (const status of nodeStatuses) {
    assert.equal(isRoutable(defineNode({ ...input, status })), status === "up");
    assert.equal(isRoutable(defineNode({ ...input, status, weight: 0 })), false);
  }
});
