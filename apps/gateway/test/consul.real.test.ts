import assert from "node:assert/strict";

import { consulRegistry } from "@rollcall/consul";
import {
  consulApi,
  type ConsulProcess,
  describeOwnConsul,
  startConsul,
  startConsulCluster,
  until,
} from "@rollcall/testbed";
import Consul from "consul";
import { onTestFinished, test } from "vitest";

import { foreignNode, goesOn, provider, realGateway } from "./real-gateway.ts";

const ttlMs = 3_000;

async function ownConsul(durable = false): Promise<ConsulProcess> {
  const consul = await startConsul({ durable });
  onTestFinished(() => consul.stop());
  return consul;
}

const orders = { "/*": { service: "orders", registry: "consul" } };

describeOwnConsul("a gateway on a real Consul", () => {
  test("routes to a node that was registered over the HTTP API, and leaves it when its check fails", async () => {
    const consul = await ownConsul();
    const node = await foreignNode("plain");
    const gateway = await realGateway(`{ consul: { servers: ["${consul.url}"] } }`, orders);
    assert.equal((await gateway.get("/x")).status, 503);
    const registered = await consulApi(consul.access, "PUT", "/v1/agent/service/register", {
      Name: "orders",
      ID: "orders-1",
      Address: "127.0.0.1",
      Port: node.port,
      Check: { TTL: "60s", Status: "passing", CheckID: "orders-1" },
    });
    assert.equal(registered.status, 200);
    await until(async () => (await gateway.get("/x")).status === 200, { what: "traffic" });
    assert.match((await gateway.get("/x")).text, /"name":"plain"/);
    await consulApi(consul.access, "PUT", "/v1/agent/check/fail/orders-1");
    await until(async () => (await gateway.get("/x")).status === 503, { what: "no traffic" });
  });

  test("routes to a node that the npm package consul registered, until it deregisters", async () => {
    const consul = await ownConsul();
    const gateway = await realGateway(`{ consul: { servers: ["${consul.url}"] } }`, orders);
    const node = await foreignNode("npm");
    const client = new Consul({ host: "127.0.0.1", port: consul.port });
    await client.agent.service.register({
      id: "orders-1",
      name: "orders",
      address: "127.0.0.1",
      port: node.port,
      check: { name: "beat", ttl: "1h", timeout: "1s", status: "passing" },
    });
    await until(async () => (await gateway.get("/x")).status === 200, { what: "traffic" });
    await client.agent.service.deregister("orders-1");
    await until(async () => (await gateway.get("/x")).status === 503, { what: "no traffic" });
  });

  test("no request fails while Consul is killed, comes back, and is wiped", async () => {
    const consul = await ownConsul(true);
    await using registry = consulRegistry({ servers: consul.url, registration: { ttlMs } });
    const nodes = [await provider(registry, "orders"), await provider(registry, "orders")];
    const gateway = await realGateway(`{ consul: { servers: ["${consul.url}"] } }`, orders);
    const both = async (): Promise<boolean> =>
      (await gateway.nodes("consul", "orders")).length === 2;
    await until(both, { what: "both nodes" });
    const load = gateway.load("/x");
    for (const empty of [false, true]) {
      const generations = nodes.map(({ registration }) => registration.state.generation);
      await consul.kill();
      await goesOn(load);
      await consul.restart({ empty });
      if (empty) {
        await until(
          () =>
            nodes.every(({ registration: { state } }, at) => state.generation > generations[at]!),
          { what: "both providers to register again by themselves" },
        );
      }
      await until(
        async () => {
          const { body } = await consulApi(
            consul.access,
            "GET",
            "/v1/health/service/orders?passing=true",
          );
          return Array.isArray(body) && body.length === 2;
        },
        { what: "both records" },
      );
      await goesOn(load);
      await until(both, { what: "both nodes again" });
    }
    await load.stop();
    assert.deepEqual([...load.outcomes.keys()], ["200"]);
  });

  test("no request fails while a cluster's leader is killed", async () => {
    const cluster = await startConsulCluster();
    onTestFinished(() => cluster.stop());
    const leader = await cluster.leader();
    // The providers' agent is one that lives on.
    const agent = cluster.servers.find((server) => server !== leader)!;
    await using registry = consulRegistry({ servers: agent.url, registration: { ttlMs } });
    await provider(registry, "orders");
    const urls = cluster.servers.map(({ url }) => `"${url}"`).join(", ");
    const gateway = await realGateway(`{ consul: { servers: [${urls}] } }`, orders);
    await until(async () => (await gateway.nodes("consul", "orders")).length === 1, { what: "it" });
    const load = gateway.load("/x");
    await goesOn(load);
    await cluster.killLeader();
    await cluster.settled();
    await provider(registry, "orders");
    await until(async () => (await gateway.nodes("consul", "orders")).length === 2, {
      what: "the second node",
    });
    await goesOn(load);
    await load.stop();
    assert.deepEqual([...load.outcomes.keys()], ["200"]);
  });

  test("no request fails while every provider restarts, one by one", async () => {
    const consul = await ownConsul();
    await using registry = consulRegistry({ servers: consul.url, registration: { ttlMs } });
    let nodes = [await provider(registry, "orders"), await provider(registry, "orders")];
    const gateway = await realGateway(`{ consul: { servers: ["${consul.url}"] } }`, orders);
    await until(async () => (await gateway.nodes("consul", "orders")).length === 2, {
      what: "both",
    });
    const load = gateway.load("/x");
    for (let round = 0; round < 4; round += 1) {
      const [oldest, ...others] = nodes;
      const next = await provider(registry, "orders");
      await oldest!.stop();
      nodes = [...others, next];
      await goesOn(load, 50);
    }
    await load.stop();
    assert.deepEqual([...load.outcomes.keys()], ["200"]);
  });
});
