import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import type { ServiceNode } from "@rollcall/core";
import { describe, test } from "vitest";

import { consulRegistry } from "../src/index.ts";
import { entry, fakeConsul } from "./fake-consul.ts";
import { nodeSetOfEntries } from "./read-entries.ts";

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8"));
}

function one(record: unknown, service: string): ServiceNode {
  const { nodes, rejected } = nodeSetOfEntries([record], { service });
  assert.deepEqual(rejected, []);
  assert.ok(nodes[0] !== undefined);
  return nodes[0];
}

type Spring = Record<"http" | "heartbeat", { readonly entry: { Service: { Port: number } } }>;

test.each(["http", "heartbeat"] as const)("a record of Spring Cloud Consul (%s)", (mode) => {
  const { entry: record } = (fixture("spring-cloud-consul-4.3.1.json") as Spring)[mode];
  const port = record.Service.Port;
  const node = one(record, "spring-orders");
  assert.deepEqual(
    { ...node, metadata: { ...node.metadata } },
    {
      service: "spring-orders",
      id: `spring-orders-${port}`,
      host: "127.0.0.1",
      port,
      secure: false,
      hostname: undefined,
      weight: 1,
      priority: 0,
      status: "up",
      zone: "eu-1",
      metadata: {
        blue: "blue",
        team: "a",
        version: "2",
        zone: "eu-1",
        group: "g1",
        secure: "false",
      },
    },
  );
});

// After what their sources write; no application of theirs has been met.
describe("records of other ecosystems (unverified)", () => {
  test("Kratos", () => {
    const node = one(
      entry("host-1", {
        service: {
          Tags: ["version=v1.2.0"],
          Meta: { region: "eu" },
          Address: "10.0.0.5",
          Port: 8000,
          TaggedAddresses: { http: { Address: "http://10.0.0.5:8000", Port: 8000 } },
        },
      }),
      "web",
    );
    assert.deepEqual([node.host, node.port], ["10.0.0.5", 8000]);
    assert.deepEqual({ ...node.metadata }, { version: "v1.2.0", region: "eu" });
  });

  test("Kitex", () => {
    const node = one(
      entry("web:10.0.0.5:8888", {
        service: { Tags: ["env:test"], Weights: { Passing: 10, Warning: 10 } },
      }),
      "web",
    );
    assert.deepEqual([node.id, node.weight], ["10.0.0.5:8888", 10]);
    assert.deepEqual({ ...node.metadata }, { "env:test": "env:test" });
  });
});

test("a namespace and a partition (unverified)", async () => {
  const { entries } = fixture("enterprise-health.unverified.json") as { entries: unknown[] };
  await using consul = await fakeConsul(({ path, query }) => {
    if (path !== "/v1/health/service/billing") return undefined;
    const isThere = query.get("ns") === "team-a" && query.get("partition") === "finance";
    return { index: 7, body: isThere ? entries : [] };
  });
  await using registry = consulRegistry({ servers: consul.url, partition: "finance" });
  const signal = AbortSignal.timeout(10_000);
  const here = { service: "billing", scope: { namespace: "team-a" } };
  const [node] = (await registry.read(here, signal)).nodes;
  assert.deepEqual(
    [node?.id, node?.host, node?.port, node?.weight, node?.zone],
    ["billing-1", "10.1.10.12", 8000, 10, "eu-west-1a"],
  );
  const elsewhere = { service: "billing", scope: { namespace: "team-b" } };
  assert.deepEqual((await registry.read(elsewhere, signal)).nodes, []);
});

test("a registration names its namespace and partition (unverified)", async () => {
  await using consul = await fakeConsul(({ path, method }) => {
    if (method === "PUT") return { body: "" };
    return path.startsWith("/v1/agent/health/service/id/") ? { status: 404, body: {} } : undefined;
  });
  await using registry = consulRegistry({ servers: consul.url });
  const scope = { namespace: "team-a", partition: "finance" };
  const node = { service: "billing", host: "10.0.0.5", port: 8000 };
  const registration = await registry.register(node, { scope });
  await registration.deregister();
  assert.ok(consul.requests.length >= 3);
  for (const { query } of consul.requests) {
    assert.deepEqual([query.get("ns"), query.get("partition")], ["team-a", "finance"]);
  }
});
