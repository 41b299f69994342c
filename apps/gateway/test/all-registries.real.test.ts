import assert from "node:assert/strict";

import { consulRegistry } from "@rollcall/consul";
import type { Provider, Registry } from "@rollcall/core";
import { etcdRegistry } from "@rollcall/etcd";
import { eurekaRegistry } from "@rollcall/eureka";
import { nacosRegistry } from "@rollcall/nacos";
import {
  describeOwnConsul,
  describeOwnEtcd,
  describeOwnEureka,
  describeOwnNacos,
  describeOwnZookeeper,
  startConsul,
  startEtcd,
  startEureka,
  startNacos,
  startZookeeper,
  until,
} from "@rollcall/testbed";
import { zookeeperRegistry } from "@rollcall/zookeeper";
import { onTestFinished, test } from "vitest";

import { goesOn, provider, realGateway } from "./real-gateway.ts";

interface Kind {
  readonly name: string;
  /** One entry of `discovery`. */
  readonly entry: string;
  readonly registry: Registry;
  readonly kill: () => Promise<void>;
  /** On the same port, with nothing in it that providers have put there. */
  readonly restart: () => Promise<void>;
}

/** A server and our connection to it; both are gone when the test is. */
function kindOf(
  kind: Omit<Kind, "kill"> & { readonly server: { kill(): Promise<void>; stop(): Promise<void> } },
): Kind {
  onTestFinished(async () => {
    await kind.registry[Symbol.asyncDispose]();
    await kind.server.stop();
  });
  return { ...kind, kill: () => kind.server.kill() };
}

async function eurekaKind(): Promise<Kind> {
  const server = await startEureka();
  return kindOf({
    server,
    name: "eureka",
    entry: `eureka: { host: ["${new URL(server.url).origin}"], fetch_interval: 1 }`,
    registry: eurekaRegistry({
      servers: server.url,
      intervalMs: 1_000,
      lease: { renewalIntervalMs: 1_000, durationMs: 3_000 },
    }),
    restart: () => server.restart(),
  });
}

async function etcdKind(): Promise<Kind> {
  const server = await startEtcd();
  return kindOf({
    server,
    name: "etcd",
    entry: `etcd: { host: ["${server.url}"] }`,
    registry: etcdRegistry({ hosts: server.url, ttlMs: 3_000 }),
    restart: () => server.restart("empty"),
  });
}

async function consulKind(): Promise<Kind> {
  const server = await startConsul();
  return kindOf({
    server,
    name: "consul",
    entry: `consul: { servers: ["${server.url}"] }`,
    registry: consulRegistry({ servers: server.url, registration: { ttlMs: 3_000 } }),
    restart: () => server.restart(),
  });
}

async function zookeeperKind(): Promise<Kind> {
  const server = await startZookeeper();
  return kindOf({
    server,
    name: "zookeeper",
    entry: `zookeeper: { host: ["${server.connectString}"], session_timeout: 4000 }`,
    registry: zookeeperRegistry({ servers: server.connectString, sessionTimeoutMs: 4_000 }),
    restart: () => server.restart("empty"),
  });
}

async function nacosKind(): Promise<Kind> {
  const server = await startNacos();
  return kindOf({
    server,
    name: "nacos",
    entry: `nacos: { host: ["${new URL(server.url).origin}"], fetch_interval: 5 }`,
    registry: nacosRegistry({ servers: server.url }),
    restart: () => server.restart(),
  });
}

const withAll = (title: string, body: () => void): void =>
  describeOwnEureka(title, () =>
    describeOwnEtcd("with etcd", () =>
      describeOwnConsul("with Consul", () =>
        describeOwnZookeeper("with ZooKeeper", () => describeOwnNacos("with Nacos", body)),
      ),
    ),
  );

withAll("a gateway on all five registries", () => {
  test("routes five services, and loses no request while each registry is killed and comes back empty", async () => {
    const kinds = await Promise.all([
      eurekaKind(),
      etcdKind(),
      consulKind(),
      zookeeperKind(),
      nacosKind(),
    ]);
    const providers = new Map<string, Provider>();
    for (const { name, registry } of kinds) {
      providers.set(name, await provider(registry, `svc-${name}`));
    }
    const gateway = await realGateway(
      `{ ${kinds.map(({ entry }) => entry).join(", ")} }`,
      Object.fromEntries(
        kinds.map(({ name }) => [`/${name}/*`, { service: `svc-${name}`, registry: name }]),
      ),
    );
    for (const { name } of kinds) {
      await until(async () => (await gateway.get(`/${name}/x`)).status === 200, {
        what: `traffic through ${name}`,
      });
    }
    const loads = kinds.map(({ name }) => gateway.load(`/${name}/x`));
    for (const { name, kill, restart } of kinds) {
      const { registration } = providers.get(name)!;
      const { generation } = registration.state;
      await kill();
      await Promise.all(loads.map((load) => goesOn(load, 20)));
      await restart();
      await until(() => registration.state.generation > generation, {
        what: `the provider to be in ${name} again`,
        deadlineMs: 60_000,
      });
      await Promise.all(loads.map((load) => goesOn(load, 20)));
    }
    for (const load of loads) await load.stop();
    assert.deepEqual(
      loads.map(({ outcomes }) => [...outcomes.keys()]),
      kinds.map(() => ["200"]),
    );
  });

  test("a service moves from Eureka to Nacos by registering in both and a reload", async () => {
    const [eureka, nacos] = await Promise.all([eurekaKind(), nacosKind()]);
    await provider(eureka.registry, "MOVING");
    const gateway = await realGateway(`{ ${eureka.entry}, ${nacos.entry} }`, {
      "/*": { service: "MOVING", registry: "eureka" },
    });
    await until(async () => (await gateway.get("/x")).status === 200, { what: "traffic" });
    const load = gateway.load("/x");
    await goesOn(load, 30);
    await provider(nacos.registry, "MOVING");
    await gateway.reroute({ "/*": { service: "MOVING", registry: "nacos" } });
    await goesOn(load, 30);
    await eureka.kill();
    await goesOn(load, 30);
    await load.stop();
    assert.deepEqual([...load.outcomes.keys()], ["200"]);
  });
});
