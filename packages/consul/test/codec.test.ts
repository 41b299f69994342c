import assert from "node:assert/strict";

import { defineNode, type NodeInput, type NodeSet, type ServiceNode } from "@rollcall/core";
import fc from "fast-check";
import { describe, test } from "vitest";

import { type ConsulOptions } from "../src/index.ts";
import { resolveOptions } from "../src/options.ts";
import { encodeRecord, type RecordBody } from "../src/record-body.ts";
import { entry } from "./fake-consul.ts";
import { nodeSetOfEntries } from "./read-entries.ts";

const owner = "1700000000000.00000000-0000-4000-8000-000000000000";

function read(entries: readonly unknown[], options: ConsulOptions = {}): NodeSet {
  return nodeSetOfEntries(entries, { options });
}

function one(record: unknown, options: ConsulOptions = {}): ServiceNode {
  const { nodes, rejected } = read([record], options);
  assert.deepEqual(rejected, []);
  assert.ok(nodes[0] !== undefined);
  return nodes[0];
}

/** What a server makes of a registration. */
function stored(body: RecordBody, status = "passing"): object {
  const { ID, Name: Service, Address, Port, Tags, Meta, Weights, Check: check } = body;
  return JSON.parse(
    JSON.stringify({
      Node: { Node: "n1", Address: "10.0.0.1", Datacenter: "dc1" },
      Service: { ID, Service, Address, Port, Tags, Meta, Weights },
      Checks: [{ CheckID: check.CheckID, Status: status, Notes: check.Notes }],
    }),
  ) as object;
}

function write(node: NodeInput, options: ConsulOptions = {}): RecordBody {
  const { registration, weight } = resolveOptions(options);
  return encodeRecord(defineNode(node), {
    registration,
    weight,
    owner,
    ttlMs: 15_000,
    isOut: false,
  });
}

describe("reading records of others", () => {
  test("the service's address comes first, then the agent's, then its name", () => {
    assert.equal(one(entry("a")).host, "10.0.0.9");
    assert.equal(one(entry("a", { service: { Address: "" } })).host, "10.0.0.1");
    assert.equal(one(entry("a", { service: { Address: null } })).host, "10.0.0.1");
    const nowhere = { service: { Address: "" }, node: { Address: "" } };
    assert.equal(one(entry("a", nowhere)).host, "n1");
    assert.equal(one(entry("a", { service: { Address: "[2001:db8::1]" } })).host, "2001:db8::1");
  });

  test.each([
    [0, 80],
    [undefined, 80],
    [null, 80],
    [8080, 8080],
  ])("the port %j is %j", (given, expected) => {
    assert.equal(one(entry("a", { service: { Port: given } })).port, expected);
  });

  test("of several ports the default one is taken, else the first", () => {
    const ports = [
      { Name: "admin", Port: 9 },
      { Name: "http", Port: 8, Default: true },
    ];
    assert.equal(one(entry("a", { service: { Port: 0, Ports: ports } })).port, 8);
    assert.equal(one(entry("a", { service: { Port: 0, Ports: ports.slice(0, 1) } })).port, 9);
  });

  test.each([
    [{ Port: 99_999 }, /port must be an integer/],
    [{ Port: -1 }, /port must be an integer/],
    [{ Port: "80" }, /Port must be a number/],
    [{ Port: 0, SocketPath: "/run/x.sock" }, /Unix socket/],
    [{ Address: "not a host!" }, /host must be/],
    [{ Address: "127.1" }, /host must be/],
    [{ Service: "" }, /service must be/],
  ])("%j is a bad record and hides no other", (fields, reason) => {
    const { nodes, rejected = [] } = read([entry("good"), entry("bad", { service: fields })]);
    assert.deepEqual(
      nodes.map(({ id }) => id),
      ["good"],
    );
    assert.equal(rejected.length, 1);
    assert.equal(rejected[0]?.key, "bad");
    assert.equal(rejected[0]?.error.code, "RECORD");
    assert.match(rejected[0]?.error.reason ?? "", reason);
  });

  test("a record without a Service is reported by its agent's name", () => {
    const { rejected = [] } = read([{ Node: { Node: "n7" }, Checks: [] }, null, 7, []]);
    assert.equal(rejected.length, 4);
    assert.equal(rejected[0]?.key, "n7");
  });

  test("weights are Consul's own, in proportion to the option", () => {
    const seven = entry("a", { service: { Weights: { Passing: 7, Warning: 2 } } });
    assert.equal(one(seven).weight, 7);
    assert.equal(one(seven, { weight: 10 }).weight, 70);
    assert.equal(one(entry("a"), { weight: 10 }).weight, 10);
    for (const odd of [null, {}, { Passing: "7" }, { Passing: -1 }]) {
      assert.equal(one(entry("a", { service: { Weights: odd } })).weight, 1);
    }
  });

  const check = (Status: unknown, CheckID = "service:a"): object => ({ CheckID, Status });
  test.each<[unknown, string]>([
    [null, "up"],
    [[], "up"],
    [[check("passing"), check("passing", "serfHealth")], "up"],
    [[check("passing"), check("critical", "serfHealth")], "down"],
    [[check("warning"), check("passing", "serfHealth")], "down"],
    [[check("critical"), check("warning")], "down"],
    [[check("passing"), check("critical", "_service_maintenance:a")], "draining"],
    [[check("critical"), check("critical", "_node_maintenance")], "draining"],
    [[check("no such state")], "unknown"],
    [[7, null, check(undefined)], "unknown"],
  ])("checks %j are %s", (checks, status) => {
    assert.equal(one(entry("a", { checks: checks ?? [] })).status, status);
  });

  test("a warning can be let pass, with its own weight", () => {
    const record = entry("a", {
      service: { Weights: { Passing: 10, Warning: 3 } },
      checks: [check("warning")],
    });
    const node = one(record, { acceptWarning: true });
    assert.deepEqual([node.status, node.weight], ["up", 3]);
  });

  test("tags are metadata as Spring Cloud Consul reads them, and Meta wins", () => {
    const node = one(
      entry("a", {
        service: {
          Tags: ["canary", "version=1", "team=a=b", "=odd", "", 7],
          Meta: { version: "2", group: "g" },
        },
      }),
    );
    assert.deepEqual(
      { ...node.metadata },
      { canary: "canary", version: "2", team: "a=b", group: "g" },
    );
  });

  test("secure and zone come from Meta or tags, and stay in the metadata of others", () => {
    const meta = one(entry("a", { service: { Meta: { secure: "true", zone: "eu-1" } } }));
    assert.deepEqual([meta.secure, meta.zone], [true, "eu-1"]);
    assert.equal(meta.metadata["zone"], "eu-1");
    const tags = one(entry("a", { service: { Tags: ["secure=true", "zone=eu-2"] } }));
    assert.deepEqual([tags.secure, tags.zone], [true, "eu-2"]);
    const place = { Locality: { Region: "eu", Zone: "eu-3" } };
    assert.equal(one(entry("a", { service: place })).zone, "eu-3");
  });

  test("one id at several agents is several nodes, told apart by the agent", () => {
    const twins = [
      entry("web"),
      entry("web", { node: { Node: "n2" } }),
      entry("web", { node: { Node: "n2", Datacenter: "dc2" } }),
      // The same record again, by way of another server.
      entry("web"),
    ];
    assert.deepEqual(
      read(twins).nodes.map(({ id }) => id),
      ["web@n1.dc1", "web@n2.dc1", "web@n2.dc2"],
    );
    assert.equal(one(entry("web")).id, "web");
    assert.deepEqual(
      read([entry("web"), entry("web")]).nodes.map(({ id }) => id),
      ["web"],
    );
  });

  test("a node of ours that moved to another agent is one node, where it is alive", () => {
    const body = write({ service: "web", host: "10.0.0.5", port: 8080 });
    const lapsed = stored(body, "critical");
    const alive = { ...stored(body), Node: { Node: "n2", Datacenter: "dc1" } };
    for (const entries of [
      [lapsed, alive],
      [alive, lapsed],
    ]) {
      const { nodes } = read(entries);
      assert.deepEqual(
        nodes.map(({ id, status }) => [id, status]),
        [["10.0.0.5:8080", "up"]],
      );
    }
  });

  test("an answer is sorted as asked for", () => {
    const entries = [
      entry("a", { service: { Address: "b", Port: 2 } }),
      entry("b", { service: { Address: "a", Port: 3 } }),
      entry("c", { service: { Address: "b", Port: 1 } }),
    ];
    const ids = (sort: ConsulOptions["sort"]): string =>
      read(entries, { sort })
        .nodes.map(({ id }) => id)
        .join("");
    assert.deepEqual(
      [ids("origin"), ids("host_sort"), ids("port_sort"), ids("combine_sort")],
      ["abc", "bac", "cab", "bca"],
    );
  });

  test("the default node stands in while no node is up", () => {
    const defaultService = { host: "fallback", port: 9 };
    const hosts = (entries: readonly unknown[]): string[] =>
      read(entries, { defaultService }).nodes.map(({ host }) => host);
    assert.deepEqual(hosts([]), ["fallback"]);
    assert.deepEqual(hosts([entry("a", { checks: [check("critical")] })]), [
      "10.0.0.9",
      "fallback",
    ]);
    assert.deepEqual(hosts([entry("a")]), ["10.0.0.9"]);
  });

  test("an unchanged node is the same object again", () => {
    const { nodes } = read([entry("a")]);
    const known = new Map(nodes.map((node) => [node.id, node]));
    const again = nodeSetOfEntries([entry("a")], { known });
    assert.equal(again.nodes[0], nodes[0]);
  });
});

describe("writing and reading", () => {
  test("a plain node is written in Consul's own terms", () => {
    const body = write(
      { service: "web", host: "10.0.0.5", port: 8080, weight: 7, metadata: { version: "2" } },
      { registration: { tags: ["a"] } },
    );
    const { Meta: meta, Check: heartbeat, ...rest } = body;
    assert.deepEqual(rest, {
      ID: "web:10.0.0.5:8080",
      Name: "web",
      Address: "10.0.0.5",
      Port: 8080,
      Tags: ["a"],
      Weights: { Passing: 7, Warning: 1 },
      EnableTagOverride: false,
    });
    assert.deepEqual({ ...meta }, { version: "2", "rollcall-owner": owner });
    assert.deepEqual(heartbeat, {
      CheckID: "service:web:10.0.0.5:8080",
      Name: "Heartbeat",
      Notes: "",
      Status: "passing",
      DeregisterCriticalServiceAfter: "60000ms",
      TTL: "15000ms",
    });
  });

  test.each([
    ["http", { HTTP: "https://[::1]:8443/health", TLSSkipVerify: true, Header: { A: ["b"] } }],
    ["tcp", { TCP: "[::1]:8443" }],
  ] as const)("the agent can run a check: %s", (type, expected) => {
    const { Check: check } = write(
      { service: "web", host: "::1", port: 8443, secure: true },
      {
        registration: {
          check: {
            type,
            path: "/health",
            headers: { A: "b" },
            skipVerify: true,
            intervalMs: 2_000,
          },
        },
      },
    );
    assert.deepEqual({ ...check, ...expected }, { ...check });
    assert.equal(check["Interval"], "2000ms");
    assert.equal(check["TTL"], undefined);
  });

  test("ids of different services never meet at an agent", () => {
    const id = (service: string, own: string): string =>
      write({ service, id: own, host: "a", port: 1 }).ID;
    assert.notEqual(id("a:b", "c"), id("a", "b:c"));
    assert.notEqual(id("a", "b"), id("b", "b"));
  });

  const metadata = fc.dictionary(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom("secure", "zone", "rollcall-owner", "rollcall-x", "__proto__", "weight"),
    ),
    fc.oneof(fc.string({ unit: "binary", maxLength: 20 }), fc.constant("x".repeat(600))),
    { maxKeys: 70 },
  );
  const anyNode = fc.record(
    {
      service: fc.constantFrom("web", "a/b", "a:b", "%2F", "é漢", "a b"),
      host: fc.constantFrom("10.0.0.5", "::1", "node.example.com"),
      port: fc.integer({ min: 1, max: 65_535 }),
      id: fc.constantFrom("1", "web:1", ":", "a/b", "é"),
      secure: fc.boolean(),
      hostname: fc.constant("name.example.com"),
      weight: fc.oneof(fc.nat(100_000), fc.double({ min: 0, max: 1e6, noNaN: true })),
      priority: fc.integer({ min: -5, max: 5 }),
      zone: fc.constantFrom("a", "true"),
      metadata,
    },
    { requiredKeys: ["service", "host", "port"] },
  );

  test("any node comes back as it was", () => {
    fc.assert(
      fc.property(anyNode, (input) => {
        const node = defineNode(input);
        const body = write(node);
        for (const [key, value] of Object.entries(body.Meta)) {
          assert.match(key, /^[A-Za-z0-9_-]{1,128}$/);
          assert.ok(Buffer.byteLength(value) <= 512);
        }
        assert.ok(Object.keys(body.Meta).length <= 64);
        const back = one(stored(body));
        assert.deepEqual({ ...back.metadata }, { ...node.metadata });
        assert.deepEqual({ ...back, metadata: {} }, { ...node, metadata: {} });
      }),
    );
  });

  test("anything that is JSON is read without a throw", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (entries) => {
        const { nodes, rejected = [] } = read(entries);
        assert.ok(nodes.length + rejected.length <= entries.length);
      }),
    );
    const key = fc.constantFrom(
      "Node",
      "Service",
      "Checks",
      "ID",
      "Address",
      "Port",
      "Meta",
      "Tags",
    );
    const nested = fc.dictionary(key, fc.dictionary(key, fc.jsonValue()));
    fc.assert(
      fc.property(fc.array(nested), (entries) => {
        read(entries);
      }),
    );
  });
});
