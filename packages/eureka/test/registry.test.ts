import { createDiscovery, type Registry } from "@rollcall/core";
import { type EurekaServer, startEurekaServer } from "@rollcall/eureka-server";
import { until } from "@rollcall/testbed";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { eurekaRegistry } from "../src/index.ts";

let server: EurekaServer;
let registry: Registry;

beforeEach(async () => {
  server = await startEurekaServer({ exactLeases: true, evictionIntervalMs: 50 });
  registry = eurekaRegistry({ servers: server.url, intervalMs: 50 });
});

afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await server.close();
});

describe("a registration", () => {
  test("is seen, updated, drained and gone", async () => {
    await using discovery = createDiscovery(registry);
    const view = discovery.service("orders");
    const registration = await registry.register(
      { service: "orders", host: "10.0.0.5", port: 8080, zone: "a", metadata: { version: "1" } },
      { ttlMs: 1_000 },
    );
    expect(registration.node.id).toBe("10.0.0.5:orders:8080");
    await until(() => view.nodes.length === 1, { what: "the node" });
    expect(view.nodes[0]).toEqual({ ...registration.node, service: "ORDERS" });

    await registration.update({ weight: 3, metadata: { other: "2" } });
    await until(() => view.nodes[0]?.weight === 3, { what: "the update" });
    expect(view.nodes[0]?.metadata).toEqual({ other: "2" });

    await registration.update({ status: "draining" });
    await until(() => view.snapshot.all[0]?.status === "draining", { what: "the drain" });
    await registration.update({ status: "up" });
    await until(() => view.nodes.length === 1, { what: "the node to be up again" });

    await registration.deregister();
    await until(() => view.snapshot.all.length === 0, { what: "the node to be gone" });
  });
});
