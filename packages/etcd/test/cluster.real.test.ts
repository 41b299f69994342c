import { describeOwnEtcd, type EtcdCluster, startEtcdCluster, until } from "@rollcall/testbed";
import { afterEach, beforeEach, expect, test } from "vitest";

import { connected } from "./connected.ts";

describeOwnEtcd("three members", () => {
  const { registry: connect, discovery } = connected();
  let cluster: EtcdCluster;
  const node = { service: "orders", host: "10.0.0.5", port: 8080 };

  beforeEach(async () => {
    cluster = await startEtcdCluster();
  });
  afterEach(() => cluster?.stop());

  test("lose their leader in the middle of watches and registrations, and nobody's nodes", async () => {
    // One connected to each member, so that one of them is connected to the leader.
    const consumers = cluster.urls.map((_, first) =>
      discovery(connect({ hosts: cluster.urls, random: () => first / 3 })).service("orders"),
    );
    const providers = cluster.urls.map((_, first) =>
      connect({ hosts: cluster.urls, random: () => first / 3, ttlMs: 9_000 }),
    );
    const before = await Promise.all(
      providers.map((registry, index) => registry.register({ ...node, id: `before-${index}` })),
    );
    await Promise.all(consumers.map((view) => view.ready()));
    await until(() => consumers.every(({ nodes }) => nodes.length === 3), { what: "three nodes" });
    let fewest = 3;
    const following = consumers.map(async (view) => {
      for await (const { nodes } of view) fewest = Math.min(fewest, nodes.length);
    });
    const killing = cluster.killLeader();
    const during = await Promise.all(
      providers.map((registry, index) => registry.register({ ...node, id: `during-${index}` })),
    );
    const killed = await killing;
    const after = await Promise.all(
      providers.map((registry, index) => registry.register({ ...node, id: `after-${index}` })),
    );
    const ids = ["after", "before", "during"].flatMap((when) =>
      [0, 1, 2].map((n) => `${when}-${n}`),
    );
    await until(
      () =>
        consumers.every(({ nodes, snapshot }) => snapshot.state === "fresh" && nodes.length === 9),
      { what: "all nodes at every consumer" },
    );
    for (const { nodes } of consumers) expect(nodes.map(({ id }) => id)).toEqual(ids);
    expect(fewest).toBe(3);
    await killed.restart();
    await cluster.settled();
    // Their lease moved on with the data.
    for (const { state } of [...before, ...during, ...after]) {
      expect(state).toMatchObject({ phase: "registered", generation: 1 });
    }
    for (const view of consumers) view[Symbol.dispose]();
    await Promise.all(following);
  });

  // Without `hasleader`, which the npm client etcd3 does not send, such a watch stays open in silence.
  test("of which one is left end its watches, and take them up again", async () => {
    const [left, ...others] = cluster.members;
    const view = discovery(
      connect({ hosts: left?.url ?? "", timeouts: { noticeMs: 60_000 } }),
    ).service("orders");
    await view.ready();
    await Promise.all(others.map((member) => member.kill()));
    await until(() => view.snapshot.state === "stale", { what: "a stale snapshot" });
    expect(view.snapshot.cause?.code).toMatch(/UNAVAILABLE|TIMEOUT/);
    await Promise.all(others.map((member) => member.restart()));
    await cluster.settled();
    await until(() => view.snapshot.state === "fresh", { what: "a fresh snapshot" });
  });
});
