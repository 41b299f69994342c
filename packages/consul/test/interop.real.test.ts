import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { createDiscovery } from "@rollcall/core";
import {
  consulApi,
  describeConsul,
  describeOwnConsul,
  namespace,
  startConsul,
  until,
} from "@rollcall/testbed";
import Consul from "consul";
import { test } from "vitest";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";

const quick: ConsulOptions = {
  timeouts: { connectMs: 1_000, readMs: 2_000, waitMs: 2_000 },
  registration: { ttlMs: 1_000 },
};

function clientOf(url: string): Consul {
  const { hostname, port } = new URL(url);
  return new Consul({ host: hostname, port: Number(port) });
}

describeConsul("the npm package consul", (consul) => {
  const name = namespace("npm");

  test("what it registers we see, with its checks and its end", async () => {
    const client = clientOf(consul.url);
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    await using discovery = createDiscovery(registry, { protection: "off" });
    const service = name("theirs");
    using view = discovery.service(service);
    await client.agent.service.register({
      id: `${service}-1`,
      name: service,
      address: "10.1.2.3",
      port: 8080,
      tags: ["canary", "team=a"],
      meta: { version: "2" },
      check: { name: "beat", ttl: "1h", timeout: "1s", status: "passing" },
    });
    await until(() => view.nodes.length === 1, { what: "their node" });
    const [node] = view.nodes;
    assert.deepEqual(
      [node?.id, node?.host, node?.port, { ...node?.metadata }],
      [`${service}-1`, "10.1.2.3", 8080, { canary: "canary", team: "a", version: "2" }],
    );
    await client.agent.check.fail(`service:${service}-1`);
    await until(() => view.snapshot.all[0]?.status === "down", { what: "down" });
    await client.agent.check.pass(`service:${service}-1`);
    await until(() => view.nodes.length === 1, { what: "up" });
    await client.agent.service.maintenance({ id: `${service}-1`, enable: true });
    await until(() => view.snapshot.all[0]?.status === "draining", { what: "draining" });
    await client.agent.service.deregister(`${service}-1`);
    await until(() => view.snapshot.all.length === 0, { what: "its end" });
  });

  test("what we register it sees, until it drains", async () => {
    const client = clientOf(consul.url);
    await using registry = consulRegistry({
      ...quick,
      servers: consul.url,
      registration: { ttlMs: 1_000, tags: ["blue"] },
    });
    const service = name("ours");
    const watch = client.watch({
      // It is called with the client's own `this`.
      // oxlint-disable-next-line typescript/unbound-method
      method: client.health.service,
      options: { service, passing: "true" },
    });
    let seen: {
      Service: { Address: string; Port: number; Tags: string[]; Meta: Record<string, string> };
    }[] = [];
    watch.on("change", (data) => {
      seen = data as typeof seen;
    });
    const registration = await registry.register({
      service,
      host: "10.1.2.3",
      port: 8080,
      metadata: { version: "2" },
    });
    await until(() => seen.length === 1, { what: "our node" });
    const [record] = seen;
    assert.deepEqual(
      [record?.Service.Address, record?.Service.Port, record?.Service.Tags],
      ["10.1.2.3", 8080, ["blue"]],
    );
    assert.equal(record?.Service.Meta["version"], "2");
    await registration.update({ status: "draining" });
    await until(() => seen.length === 0, { what: "passing no more" });
    await registration.update({ status: "up" });
    await until(() => seen.length === 1, { what: "its return" });
    await registration.deregister();
    await until(() => seen.length === 0, { what: "its end" });
    watch.end();
  });
});

interface Spring {
  readonly requests: readonly { readonly path: string; readonly body?: { readonly ID: string } }[];
}

describeConsul("Spring Cloud Consul", (consul) => {
  const captured = JSON.parse(
    readFileSync(new URL("fixtures/spring-cloud-consul-4.3.1.json", import.meta.url), "utf8"),
  ) as Record<"http" | "heartbeat", Spring>;

  test("what it was seen to register, heartbeat and deregister, we see", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    await using discovery = createDiscovery(registry, { protection: "off" });
    using view = discovery.service("spring-orders");
    const { requests } = captured.heartbeat;
    assert.equal(requests.length, 3);
    const replay = async (step: number): Promise<void> => {
      const request = requests[step];
      const answer = await consulApi(consul, "PUT", request?.path ?? "", request?.body);
      assert.equal(answer.status, 200);
    };
    await replay(0);
    await until(() => view.snapshot.all[0]?.status === "down", { what: "its record" });
    await replay(1);
    await until(() => view.nodes[0]?.zone === "eu-1", { what: "its heartbeat" });
    await replay(2);
    await until(() => view.snapshot.all.length === 0, { what: "its end" });
  });

  test("what we register has the Meta that it reads", async () => {
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const service = namespace("spring")("ours");
    await registry.register({
      service,
      host: "127.0.0.1",
      port: 8443,
      secure: true,
      zone: "eu-1",
      metadata: { version: "2", group: "g1" },
    });
    const meta = await until(
      async () => {
        const { body } = await consulApi(consul, "GET", `/v1/health/service/${service}?passing`);
        return (body as { Service: { Meta: Record<string, string> } }[])[0]?.Service.Meta;
      },
      { what: "our record" },
    );
    const { "rollcall-owner": owner, ...rest } = meta;
    assert.ok(owner !== undefined);
    assert.deepEqual(rest, { secure: "true", zone: "eu-1", version: "2", group: "g1" });
  });
});

describeOwnConsul("where the npm package consul gives up", () => {
  test("an agent that comes back empty has our node again, and never its own", async () => {
    await using consul = await startConsul();
    const client = clientOf(consul.url);
    await client.agent.service.register({
      name: "theirs",
      port: 1,
      check: { name: "beat", ttl: "1s", timeout: "1s", status: "passing" },
    });
    await using registry = consulRegistry({ ...quick, servers: consul.url });
    const registration = await registry.register({ service: "ours", host: "10.0.0.1", port: 1 });
    await consul.restart();
    await until(() => registration.state.generation >= 2, { what: "our return" });
    const { body } = await consulApi(consul.access, "GET", "/v1/agent/services");
    assert.deepEqual(Object.keys(body as object), ["ours:10.0.0.1:1"]);
    await assert.rejects(client.agent.check.pass("service:theirs"));
  });
});
