import assert from "node:assert/strict";

import { faultProxy, type FaultProxy } from "@rollcall/conformance";
import {
  describeOwnZookeeper,
  startZookeeperEnsemble,
  until,
  type ZookeeperEnsemble,
} from "@rollcall/testbed";
import { afterAll, beforeAll, test } from "vitest";

import { jsStore, springRecord } from "./raw-records.ts";
import { shows, World } from "./world.ts";

const record = (service: string, id: string): string =>
  springRecord({ service, id, host: "10.0.0.1", port: 80 });

describeOwnZookeeper("a registry on three ZooKeeper servers", () => {
  let ensemble: ZookeeperEnsemble;
  beforeAll(async () => {
    ensemble = await startZookeeperEnsemble();
  });
  afterAll(() => ensemble?.stop());

  test("leaves a server whose connection died without a word, in time to keep its session", async () => {
    await using world = new World();
    const proxies: FaultProxy[] = [];
    for (const { port } of ensemble.members) {
      proxies.push(world.use(await faultProxy({ host: "127.0.0.1", port })));
    }
    const registry = world.registry({
      servers: proxies.map(({ port }) => `127.0.0.1:${port}`),
      sessionTimeoutMs: 12_000,
    });
    const registration = await registry.register({ service: "half", host: "10.0.0.1", port: 80 });
    const view = world.view(registry, "half");
    await shows(view, ["10.0.0.1:80"]);
    const dead = proxies.find(({ connections }) => connections > 0);
    dead?.halfOpen();
    await until(() => view.snapshot.state === "stale", { what: "the silence to be noticed" });
    await until(() => view.snapshot.state === "fresh", { what: "another server" });
    assert.ok(proxies.some((proxy) => proxy !== dead && proxy.connections > 0));
    await registration.update({ weight: 7 });
    await until(() => view.nodes[0]?.weight === 7, { what: "the update" });
    assert.deepEqual(
      { ...registration.state },
      { phase: "registered", generation: 1, cause: undefined },
    );
  });

  test("keeps its session when the leader is killed, and misses nothing", async () => {
    await using world = new World();
    const servers = ensemble.connectString;
    const registry = world.registry({ servers, sessionTimeoutMs: 20_000 });
    const registration = await registry.register({ service: "led", id: "own", host: "a", port: 1 });
    const view = world.view(registry, "led");
    await shows(view, ["own"]);
    const store = jsStore(servers);
    await store.put("/services/led/before", record("led", "before"));
    await shows(view, ["before", "own"]);
    const leader = await ensemble.leader();
    await leader.kill();
    await ensemble.leader();
    await store.put("/services/led/after", record("led", "after"));
    await store.remove("/services/led/before");
    await shows(view, ["after", "own"]);
    await registration.update({ weight: 7 });
    assert.equal(registration.state.generation, 1);
    await leader.restart("kept");
  });

  test("shows what it had, stale, as long as there is no quorum", async () => {
    await using world = new World();
    const registry = world.registry({ servers: ensemble.connectString, sessionTimeoutMs: 20_000 });
    await registry.register({ service: "quorum", id: "own", host: "a", port: 1 });
    const view = world.view(registry, "quorum");
    await shows(view, ["own"]);
    const [first, second] = ensemble.members;
    await Promise.all([first?.kill(), second?.kill()]);
    await until(() => view.snapshot.state === "stale", { what: "the loss of the quorum" });
    assert.equal(view.nodes.length, 1);
    assert.equal(view.snapshot.cause?.retryable, true);
    await Promise.all([first?.restart("kept"), second?.restart("kept")]);
    await until(() => view.snapshot.state === "fresh", { what: "the quorum" });
    await shows(view, ["own"]);
  });
});
