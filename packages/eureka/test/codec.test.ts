import type { ServiceNode } from "@rollcall/core";
import { defineNode } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { readOneApplication } from "../src/apps.ts";
import { type Decoded, decodeInstance } from "../src/codec.ts";
import { readInstance } from "../src/instance.ts";
import { captured } from "./captures.ts";

const context = { registry: "eureka", app: "ORDERS", weight: 100 };
const whole = {
  instanceId: "a",
  hostName: "a.example.com",
  ipAddr: "10.0.0.1",
  status: "UP",
  port: { $: 8080, "@enabled": "true" },
  securePort: { $: 443, "@enabled": "false" },
  metadata: {},
};

function decode(changes: object, weight = 100): Decoded {
  return decodeInstance(readInstance({ ...whole, ...changes }, "ORDERS[0]"), {
    ...context,
    weight,
  });
}

function nodeOf(changes: object, weight?: number): ServiceNode {
  const { node, error } = decode(changes, weight);
  expect(error).toBeUndefined();
  return node as ServiceNode;
}

function reasonOf(changes: object): string | undefined {
  const { node, error } = decode(changes);
  expect(node).toBeUndefined();
  expect(error?.code).toBe("RECORD");
  return error?.reason;
}

describe("status", () => {
  test.each([
    [{ status: "UP" }, "up"],
    [{ status: "STARTING" }, "starting"],
    [{ status: "DOWN" }, "down"],
    [{ status: "OUT_OF_SERVICE" }, "draining"],
    [{ status: "UNKNOWN" }, "unknown"],
    [{ status: "SOMETHING" }, "unknown"],
    [{ status: undefined }, "unknown"],
    [{ status: 5 }, "unknown"],
    [{ status: "UP", overriddenStatus: "UNKNOWN" }, "up"],
    [{ status: "UP", overriddenStatus: "OUT_OF_SERVICE" }, "draining"],
    [{ status: "DOWN", overriddenStatus: "UP" }, "up"],
    [{ status: "UP", overriddenstatus: "DOWN" }, "down"],
    [{ status: "UP", overriddenstatus: "DOWN", overriddenStatus: "UP" }, "down"],
    [{ status: "UP", overriddenstatus: "UNKNOWN", overriddenStatus: "OUT_OF_SERVICE" }, "draining"],
    [{ status: "UP", overriddenstatus: "UNKNOWN" }, "up"],
    [{ status: "DOWN", overriddenStatus: "UNKNOWN" }, "down"],
    [{ status: undefined, overriddenStatus: "UP" }, "up"],
    [{ status: "UP", overriddenStatus: "nonsense" }, "unknown"],
    [{ status: "UP", overriddenStatus: "" }, "up"],
    [{ status: "UP", overriddenStatus: null }, "up"],
    [{ status: "UP", overriddenStatus: { a: "DOWN" } }, "up"],
    [{ status: "up" }, "unknown"],
    [{ status: ["UP"] }, "unknown"],
  ])("%j is %s", (changes, status) => {
    expect(nodeOf(changes).status).toBe(status);
  });
});

describe("host", () => {
  test.each([
    [{ ipAddr: "10.0.0.9" }, "10.0.0.9"],
    [{ ipAddr: "2001:db8::1" }, "2001:db8::1"],
    [{ ipAddr: "[2001:db8::1]" }, "2001:db8::1"],
    [{ ipAddr: "orders-1.example.com" }, "orders-1.example.com"],
    [{ ipAddr: undefined }, "a.example.com"],
    [{ ipAddr: null }, "a.example.com"],
    [{ ipAddr: "" }, "a.example.com"],
    [{ ipAddr: "  " }, "a.example.com"],
    [{ ipAddr: " 10.0.0.9 " }, "10.0.0.9"],
    [{ ipAddr: "::ffff:10.0.0.9" }, "::ffff:10.0.0.9"],
    [{ ipAddr: "localhost" }, "localhost"],
    [{ ipAddr: "", hostName: "10.0.0.8" }, "10.0.0.8"],
    [{ ipAddr: "", hostName: "2001:db8::2" }, "2001:db8::2"],
    [{ hostName: 5 }, "10.0.0.1"],
  ])("%j is %s", (changes, host) => {
    expect(nodeOf(changes).host).toBe(host);
  });

  test.each([
    [{ ipAddr: 5 }, "ipAddr must be a text"],
    [{ ipAddr: { a: 1 } }, "ipAddr must be a text"],
    [{ ipAddr: ["10.0.0.1"] }, "ipAddr must be a text"],
    [{ ipAddr: false }, "ipAddr must be a text"],
    [{ ipAddr: undefined, hostName: undefined }, "there is neither an ipAddr nor a hostName"],
    [{ ipAddr: "10.0.0.1:80" }, "host must be an IPv4 address"],
    [{ ipAddr: "256.0.0.1" }, "host must be an IPv4 address"],
    [{ ipAddr: "", hostName: 5 }, "hostName must be a text"],
    [{ ipAddr: "", hostName: "" }, "there is neither an ipAddr nor a hostName"],
    [{ ipAddr: "10.0.0" }, "host must be an IPv4 address"],
    [{ ipAddr: "evil.example/../x?y#z" }, "host must be an IPv4 address"],
    [{ ipAddr: "a\r\nb" }, "host must not contain control characters"],
  ])("%j is rejected", (changes, reason) => {
    expect(reasonOf(changes)).toContain(reason);
  });

  test.each([
    [{}, undefined],
    [{ securePort: { $: 443, "@enabled": true } }, "a.example.com"],
    [{ securePort: { $: 443, "@enabled": true }, hostName: "10.0.0.1" }, undefined],
    [{ securePort: { $: 443, "@enabled": true }, hostName: "evil.example/../x" }, undefined],
    [{ securePort: { $: 443, "@enabled": true }, ipAddr: "b.example.com" }, undefined],
  ])("%j gives the hostname %s", (changes, hostname) => {
    expect(nodeOf(changes).hostname).toBe(hostname);
  });
});

describe("port", () => {
  test.each([
    [{}, 8080, false],
    [{ port: { $: "8081", "@enabled": true } }, 8081, false],
    [{ port: { $: " 8081 ", "@enabled": "TRUE" } }, 8081, false],
    [{ port: { $: 8081, "@enabled": 1 } }, 8081, false],
    [{ port: { $: 65_535, "@enabled": "true" } }, 65_535, false],
    [{ port: { $: 1, "@enabled": "1" } }, 1, false],
    [{ port: { $: 8081, "@enabled": null } }, 8081, false],
    [{ port: 8081, securePort: { $: "8443", "@enabled": 1 } }, 8443, true],
    [{ port: { $: 8081 } }, 8081, false],
    [{ port: 8081 }, 8081, false],
    [{ port: "8081", securePort: undefined }, 8081, false],
    [{ securePort: { $: 8443, "@enabled": "true" } }, 8443, true],
    [{ securePort: { $: "8443", "@enabled": true }, port: undefined }, 8443, true],
    [
      { securePort: { $: 8443, "@enabled": "1" }, port: { $: 8080, "@enabled": "false" } },
      8443,
      true,
    ],
    [{ securePort: { $: 0, "@enabled": "false" } }, 8080, false],
    [{ securePort: 8443 }, 8080, false],
  ])("%j is %d, secure %s", (changes, port, secure) => {
    expect(nodeOf(changes)).toMatchObject({ port, secure });
  });

  const range = "port must be a whole number from 1 to 65535";
  test.each([
    [{ port: undefined, securePort: undefined }, "no port is enabled"],
    [{ port: { $: 8080, "@enabled": "false" } }, "no port is enabled"],
    [{ port: { $: 8080, "@enabled": "yes" } }, "no port is enabled"],
    [{ port: { $: 8080, "@enabled": false } }, "no port is enabled"],
    [{ port: { $: 8080, "@enabled": 0 } }, "no port is enabled"],
    [{ port: { $: 8080, "@enabled": { a: true } } }, "no port is enabled"],
    [{ port: null, securePort: null }, "no port is enabled"],
    [{ port: true }, range],
    [{ port: {} }, range],
    [{ port: { "@enabled": "true" } }, range],
    [{ port: { $: null, "@enabled": "true" } }, range],
    [{ port: { $: "", "@enabled": "true" } }, range],
    [{ port: { $: "80.0", "@enabled": "true" } }, range],
    [{ port: { $: 1e300, "@enabled": "true" } }, range],
    [{ port: { $: 0, "@enabled": "true" } }, range],
    [{ port: { $: -1, "@enabled": "true" } }, range],
    [{ port: { $: 65_536, "@enabled": "true" } }, range],
    [{ port: { $: "99999", "@enabled": "true" } }, range],
    [{ port: { $: 80.5, "@enabled": "true" } }, range],
    [{ port: { $: "0x50", "@enabled": "true" } }, range],
    [{ port: { $: [], "@enabled": "true" } }, range],
    [{ port: [8080] }, range],
    [{ securePort: { $: 0, "@enabled": "true" } }, "securePort must be a whole number"],
  ])("%j is rejected", (changes, reason) => {
    expect(reasonOf(changes)).toContain(reason);
  });
});

describe("weight", () => {
  test.each([
    [{}, 100],
    [{ weight: "5" }, 5],
    [{ weight: 5 }, 5],
    [{ weight: "0" }, 0],
    [{ weight: "0.5" }, 0.5],
    [{ weight: " 7 " }, 7],
    [{ weight: "1e2" }, 100],
    [{ weight: 0 }, 0],
    [{ weight: 1e300 }, 1e300],
    [{ weight: 1e21 }, 1e21],
    [{ weight: "00010" }, 10],
    [{ weight: null }, 100],
  ])("%j is %d", (metadata, weight) => {
    const node = nodeOf({ metadata });
    expect(node.weight).toBe(weight);
    expect(node.metadata).toEqual({});
  });

  test("the option is used where a record has none", () => {
    expect(nodeOf({}, 7).weight).toBe(7);
    expect(nodeOf({ metadata: { weight: "5" } }, 7).weight).toBe(5);
  });

  const nonsense: unknown[] = ["heavy", "", " ", "-1", "-0", "NaN", "Infinity", "1e999", "1e1000"];
  nonsense.push("0x10", "1,5", "1 2", "9".repeat(400), -1, -0.5, true, {}, [], [5], { a: 5 });
  test.each(nonsense.map((one) => [one]))("%j is reported and the default is used", (weight) => {
    const { node, error } = decode({ metadata: { weight, version: "1" } }, 7);
    expect(node).toMatchObject({ weight: 7, metadata: { version: "1" } });
    expect(error?.code).toBe("RECORD");
    expect(error?.reason).toBe("metadata.weight must be a finite number >= 0, 7 is used");
  });
});

describe("metadata, zone and id", () => {
  test("of others the zone is read and stays, numbers and flags become texts", () => {
    const node = nodeOf({ metadata: { zone: "a", n: 5, yes: true, no: null, deep: { a: 1 } } });
    expect(node.zone).toBe("a");
    expect(node.metadata).toEqual({ zone: "a", n: "5", yes: "true" });
  });

  test("the zone of Amazon wins", () => {
    const info = { name: "Amazon", metadata: { "availability-zone": "us-east-1a" } };
    expect(nodeOf({ metadata: { zone: "a" }, dataCenterInfo: info }).zone).toBe("us-east-1a");
  });

  test.each([
    [{ "@class": "java.util.Collections$EmptyMap" }, {}],
    [{ class: "java.util.Collections$EmptyMap" }, {}],
    [{ class: "economy" }, { class: "economy" }],
    [{ "@class": { toString: 0 }, class: { toString: 0 } }, {}],
    [undefined, {}],
    [null, {}],
    ["text", {}],
    [["a"], {}],
    [
      { constructor: "x", toString: "y" },
      { constructor: "x", toString: "y" },
    ],
  ])("%j is %j", (metadata, expected) => {
    expect({ ...nodeOf({ metadata }).metadata }).toEqual(expected);
  });

  test("`__proto__` is a key like any other", () => {
    const metadata = JSON.parse('{"__proto__":"polluted"}') as object;
    expect(Object.entries(nodeOf({ metadata }).metadata)).toEqual([["__proto__", "polluted"]]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test.each([
    [{}, "a"],
    [{ instanceId: undefined }, "a.example.com"],
    [{ instanceId: "", dataCenterInfo: { metadata: { "instance-id": "i-1" } } }, "i-1"],
  ])("%j has the id %s", (changes, id) => {
    expect(nodeOf(changes).id).toBe(id);
  });

  test("a record without a usable id is named by its place", () => {
    const instance = readInstance({ ...whole, instanceId: 5 }, "ORDERS[3]");
    expect(instance.key).toBe("ORDERS[3]");
    expect(decodeInstance(instance, context).error?.reason).toBe("instanceId must be a text");
    expect(decodeInstance(readInstance("x", "ORDERS[4]"), context).error?.message).toBe(
      "eureka: decode ORDERS[4] of ORDERS failed: the record is not an object",
    );
  });

  test("names from outside cannot break a message into lines", () => {
    const instance = readInstance({ ...whole, instanceId: "a\r\nINFO all is well\u0085" }, "?");
    const { error } = decodeInstance(instance, { ...context, app: "O\u2028" });
    expect(error?.operation).toBe("decode a\ufffd\ufffdINFO all is well\ufffd of O\ufffd");
    expect(error?.message).not.toMatch(/[\r\n]/);
  });

  test("what is nested deeper than a record's fields is left out", () => {
    let nest: unknown = 1;
    for (let depth = 0; depth < 10_000; depth += 1) nest = { nest };
    const fields = { hostName: nest, port: { $: 80, x: nest }, metadata: { nest, version: "1" } };
    const instance = readInstance({ ...whole, ...fields, dataCenterInfo: nest }, "ORDERS[0]");
    expect(instance.fields).toMatchObject({
      hostName: {},
      port: { $: 80, x: {} },
      metadata: { nest: {}, version: "1" },
      dataCenterInfo: { nest: { nest: {} } },
    });
    const { node } = decodeInstance(instance, context);
    expect({ ...node?.metadata }).toEqual({ version: "1" });
    expect(readInstance({ ...whole, ipAddr: nest }, "ORDERS[0]").fields.ipAddr).toEqual({});
    // What is as it should be is not copied.
    expect(readInstance(whole, "ORDERS[0]").fields.port).toBe(whole.port);
  });

  test("more metadata than a node may have is rejected", () => {
    expect(reasonOf({ metadata: { a: "x".repeat(70_000) } })).toContain("65536 bytes");
  });
});

describe("answers of a real server", () => {
  function decodeCapture(name: string): Decoded[] {
    const { instances, name: app } = readOneApplication(captured(name));
    return [...instances.values()].map((one) => decodeInstance(one, { ...context, app }));
  }

  test("a Spring Boot application", () => {
    expect(decodeCapture("provider-instance")).toEqual([
      {
        node: defineNode({
          service: "USER-SERVICE",
          id: "192.0.2.2:user-service:19001",
          host: "127.0.0.1",
          port: 19_001,
          metadata: { "management.port": "19001" },
        }),
      },
    ]);
  });

  test.each([
    ["24-app-after-oos", { status: "draining", zone: "a" }],
    ["43-app-secure", { secure: true, port: 8443, hostname: undefined }],
    ["48-app-boolen", { secure: false, port: 8080 }],
    ["60-app-noid", { id: "127.0.0.1" }],
    ["68-app-dcaws", { zone: "us-east-1a", metadata: {} }],
    ["73-app-badstatus", { status: "unknown" }],
  ])("%s", (name, expected) => {
    const [first] = decodeCapture(name);
    expect(first?.error).toBeUndefined();
    expect(first?.node).toMatchObject(expected);
  });

  test("bad ports and hosts are rejected one by one", () => {
    for (const name of ["58-app-badport", "53-app-hostile-2", "54-app-hostile-xml"]) {
      for (const { node, error } of decodeCapture(name)) {
        expect(node).toBeUndefined();
        expect(error?.code).toBe("RECORD");
      }
    }
  });

  test("XML and JSON of the same registry give the same nodes", () => {
    const nodesOf = (name: string): unknown[] => {
      const { applications } = captured(name) as { applications: { application: object[] } };
      return applications.application.flatMap((application) => {
        const { instances, name: app } = readOneApplication({ application });
        return [...instances.values()].map((one) => {
          const { node, error } = decodeInstance(one, { ...context, app });
          return node ?? error?.message;
        });
      });
    };
    const fromJson = nodesOf("86-apps-full-json");
    expect(fromJson.length).toBeGreaterThan(10);
    expect(nodesOf("88-apps-full-xml")).toEqual(fromJson);
    expect(nodesOf("95-delta-xml")).toEqual(nodesOf("94-delta-json"));
  });
});
