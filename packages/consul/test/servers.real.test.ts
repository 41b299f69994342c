import assert from "node:assert/strict";

import { faultProxy } from "@rollcall/conformance";
import { createDiscovery } from "@rollcall/core";
import {
  consulApi,
  type ConsulProcess,
  describeOwnConsul,
  startConsul,
  startConsulCluster,
  until,
} from "@rollcall/testbed";
import { test } from "vitest";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";

const quick: ConsulOptions = {
  timeouts: { connectMs: 500, readMs: 1_000, waitMs: 2_000 },
  registration: { ttlMs: 2_000 },
};

async function register({ access }: ConsulProcess, id: string): Promise<void> {
  const body = { ID: id, Name: "web", Port: 1 };
  const { status } = await consulApi(access, "PUT", "/v1/agent/service/register", body);
  assert.equal(status, 200);
}

describeOwnConsul("servers of one datacentre", () => {
  test("stand in for each other: a leader that dies loses no node and no registration", async () => {
    await using cluster = await startConsulCluster();
    await cluster.settled();
    const leader = await cluster.leader();
    const others = cluster.servers.filter((server) => server !== leader);
    await register(others[0]!, "theirs");
    await using registry = consulRegistry({
      ...quick,
      // The leader first: what is registered is registered there.
      servers: [leader, ...others].map(({ url }) => url),
      random: () => 0,
    });
    await using discovery = createDiscovery(registry, { backoff: { baseMs: 20, capMs: 200 } });
    const registration = await registry.register({ service: "web", host: "10.0.0.1", port: 1 });
    using view = discovery.service("web");
    await until(() => view.nodes.length === 2, { what: "both nodes" });
    const ids = view.nodes.map(({ id }) => id);
    const stored = await consulApi(leader.access, "GET", "/v1/agent/services");
    assert.deepEqual(Object.keys(stored.body as object), ["web:10.0.0.1:1"]);

    await leader.kill();
    await until(
      async () => {
        const answers = await Promise.all(
          others.map(({ access }) => consulApi(access, "GET", "/v1/agent/services")),
        );
        return answers.some(({ body }) => "web:10.0.0.1:1" in (body as object));
      },
      { what: "the registration at another agent" },
    );
    await until(
      () =>
        registration.state.phase === "registered" &&
        view.snapshot.state === "fresh" &&
        view.nodes.length === 2,
      { what: "a fresh view with both nodes" },
    );
    assert.deepEqual(
      view.nodes.map(({ id }) => id),
      ids,
    );

    // What was left at the old agent is out of service there, and one node for us.
    await leader.restart();
    await cluster.settled();
    await until(
      async () => {
        const { access } = leader;
        const { body } = await consulApi(access, "GET", "/v1/health/service/web");
        return (body as unknown[]).length >= 3;
      },
      { what: "the old record" },
    );
    await until(() => view.snapshot.state === "fresh" && view.snapshot.all.length === 2, {
      what: "one node for both records",
    });
    await registration.deregister();
    await until(
      async () => {
        const { body } = await consulApi(leader.access, "GET", "/v1/health/service/web");
        return (body as unknown[]).length === 1;
      },
      { what: "both records to be removed" },
    );
  });

  test("without a leader, stale reads still show what is known", async () => {
    await using cluster = await startConsulCluster();
    await cluster.settled();
    const [first, ...others] = cluster.servers as [ConsulProcess, ...ConsulProcess[]];
    await register(first, "kept");
    await until(
      async () => {
        const path = "/v1/health/service/web?stale";
        return ((await consulApi(first.access, "GET", path)).body as unknown[]).length === 1;
      },
      { what: "the node in a stale read" },
    );
    await Promise.all(others.map((server) => server.kill()));
    await using registry = consulRegistry({
      ...quick,
      servers: first.url,
      consistency: "stale",
      maxStaleMs: 0,
    });
    await using discovery = createDiscovery(registry);
    using view = discovery.service("web");
    await until(() => view.nodes.length === 1, { what: "the node" });
    await until(() => view.snapshot.state === "stale", { what: "doubt" });
    assert.equal(view.nodes.length, 1);
  });
});

describeOwnConsul("servers of different datacentres", () => {
  test("are merged, and one that is away takes nothing with it", async () => {
    await using east = await startConsul({ datacenter: "east" });
    await using west = await startConsul({ datacenter: "west" });
    await using link = await faultProxy({ host: "127.0.0.1", port: west.port });
    await register(east, "e1");
    await register(west, "w1");
    await using registry = consulRegistry({
      ...quick,
      servers: [east.url, `http://127.0.0.1:${link.port}`],
    });
    await using discovery = createDiscovery(registry, { backoff: { baseMs: 20, capMs: 200 } });
    using view = discovery.service("web");
    const shows = (...ids: string[]): Promise<unknown> =>
      until(
        () => {
          assert.deepEqual(
            view.nodes.map(({ id }) => id),
            ids,
          );
          return true;
        },
        { what: ids.join() },
      );
    await shows("e1", "w1");
    assert.deepEqual(view.snapshot.rejected, []);
    using western = discovery.service({ service: "web", scope: { dc: "west" } });
    await until(() => western.nodes.length === 1, { what: "the western node" });

    link.refuse();
    await until(() => western.snapshot.state === "stale", { what: "the west to be stale" });
    await register(east, "e2");
    await shows("e1", "e2", "w1");
    await until(() => view.snapshot.rejected[0]?.error.code === "UNAVAILABLE", {
      what: "the trouble to be told",
    });

    await register(west, "w2");
    link.restore();
    await shows("e1", "e2", "w1", "w2");
    await until(() => view.snapshot.rejected.length === 0, { what: "the end of the trouble" });

    // A registration goes to the first, or where its scope says.
    const node = { service: "api", host: "10.0.0.1", port: 1 };
    const registration = await registry.register(node, { scope: { dc: "west" } });
    const { body } = await consulApi(west.access, "GET", "/v1/agent/services");
    assert.ok("api:10.0.0.1:1" in (body as object));
    await registration.deregister();
    await registry.register(node);
    const eastern = await consulApi(east.access, "GET", "/v1/agent/services");
    assert.ok("api:10.0.0.1:1" in (eastern.body as object));
    assert.deepEqual(await registry.services(), ["api", "web"]);
  });

  test("one that comes back empty has its nodes held while they may return", async () => {
    await using east = await startConsul({ datacenter: "east" });
    await using west = await startConsul({ datacenter: "west" });
    await register(east, "e1");
    for (const id of ["w1", "w2", "w3"]) await register(west, id);
    await using registry = consulRegistry({ ...quick, servers: [east.url, west.url] });
    await using discovery = createDiscovery(registry, { backoff: { baseMs: 20, capMs: 200 } });
    using view = discovery.service("web");
    await until(() => view.nodes.length === 4, { what: "all four" });
    const shown: number[] = [];
    const following = (async () => {
      for await (const { nodes } of view) shown.push(nodes.length);
    })();
    await west.restart();
    await until(() => view.snapshot.held.length === 3, { what: "the western nodes to be held" });
    assert.equal(Math.min(...shown), 4);
    await until(() => view.nodes.length === 1, { what: "their loss to be believed" });
    view[Symbol.dispose]();
    await following;
  });

  test("one that was never there does not hide the others, and is looked for", async () => {
    await using east = await startConsul({ datacenter: "east" });
    await using west = await startConsul({ datacenter: "west" });
    await using link = await faultProxy({ host: "127.0.0.1", port: west.port });
    link.refuse();
    await register(east, "e1");
    await register(west, "w1");
    await using registry = consulRegistry({
      ...quick,
      servers: [east.url, `http://127.0.0.1:${link.port}`],
    });
    await using discovery = createDiscovery(registry, { backoff: { baseMs: 20, capMs: 200 } });
    using view = discovery.service("web");
    await until(() => view.nodes.length === 1 && view.snapshot.rejected.length === 1, {
      what: "the eastern node, and word of the west",
    });
    // The west may have some: nothing is known yet.
    using unknown = discovery.service("unknown");
    await until(() => unknown.snapshot.cause?.code === "UNAVAILABLE", { what: "the cause" });
    assert.equal(unknown.snapshot.state, "pending");
    link.restore();
    await until(() => view.nodes.length === 2, { what: "the western node" });
    await until(() => unknown.snapshot.state === "fresh", { what: "an empty answer" });
  });

  test("two agents for development are two clusters, though both call themselves dc1", async () => {
    await using first = await startConsul();
    await using second = await startConsul();
    await register(first, "a");
    await register(second, "b");
    await using registry = consulRegistry({ ...quick, servers: [first.url, second.url] });
    await until(
      async () => {
        const { nodes } = await registry.read({ service: "web" }, AbortSignal.timeout(30_000));
        return nodes.length === 2;
      },
      { what: "both" },
    );
  });
});
