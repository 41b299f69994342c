import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { EventEmitter, once } from "node:events";

import { faultProxy } from "@rollcall/conformance";
import {
  describeOwnZookeeper,
  describeZookeeper,
  freePort,
  namespace,
  startZookeeper,
  until,
} from "@rollcall/testbed";
import { expect, test } from "vitest";

import { Session } from "../src/client/session.ts";
import type { ZookeeperOptions } from "../src/index.ts";
import { endSession } from "./end-session.ts";
import { jsStore, springRecord } from "./raw-records.ts";
import { sessionOptions } from "./session-store.ts";
import { shows, World } from "./world.ts";

/** Emits `told` at the next event of that kind about a registration. */
function subscribed(kind: string): EventEmitter {
  const emitter = new EventEmitter();
  const listener = (event: unknown): void => {
    if ((event as { kind: string }).kind !== kind) return;
    unsubscribe("rollcall:registration", listener);
    emitter.emit("told");
  };
  subscribe("rollcall:registration", listener);
  return emitter;
}

const node = (service: string, id: string, port = 8080) =>
  ({ service, id, host: "10.0.0.1", port }) as const;

describeZookeeper("a registry on the shared ZooKeeper server", ({ url: connectString }) => {
  const name = namespace("zk");
  const servers = connectString;

  test("lists the services that have a record", async () => {
    await using world = new World();
    const path = `/${name("list")}`;
    const registry = world.registry({ servers, path });
    assert.deepEqual(await registry.services(), []);
    await registry.register(node("b", "1"));
    const leaving = await registry.register(node("a", "1"));
    assert.deepEqual(await registry.services(), ["a", "b"]);
    await leaving.deregister();
    assert.deepEqual(await registry.services(), ["b"]);
  });

  test("a missing path is an empty service that is noticed when it appears", async () => {
    await using world = new World();
    const path = `/${name("missing")}/deep/down`;
    const view = world.view(world.registry({ servers, path }), "orders");
    assert.deepEqual((await view.ready()).nodes, []);
    assert.equal(view.snapshot.state, "fresh");
    await world.registry({ servers, path }).register(node("orders", "1"));
    await shows(view, ["1"]);
  });

  test("the chroot of the connect string is above the path", async () => {
    await using world = new World();
    const chroot = `/${name("chroot")}`;
    const inside = world.registry({ servers: servers + chroot });
    await inside.register(node("orders", "1"));
    const whole = world.registry({ servers, path: `${chroot}/services` });
    const set = await whole.read({ service: "orders" }, AbortSignal.timeout(10_000));
    assert.deepEqual(
      set.nodes.map(({ id }) => id),
      ["1"],
    );
    await shows(world.view(inside, "orders"), ["1"]);
  });

  test("a host that is down and one that hangs are passed over", async () => {
    await using world = new World();
    await using hanging = await faultProxy({ host: "127.0.0.1", port: 1 });
    hanging.stall();
    const live = connectString.split(",")[0] ?? "";
    const list = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${hanging.port}`, live];
    // The first is chosen at random.
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const registry = world.registry({ servers: list, timeouts: { connectMs: 500 } });
        await registry.read({ service: name("none") }, AbortSignal.timeout(10_000));
      }),
    );
  });

  test("one bad record, one without data and one of other rights harm nobody", async () => {
    await using world = new World();
    const service = name("bad");
    const root = `/services/${service}`;
    const store = jsStore(connectString);
    await store.put(`${root}/good`, springRecord(node(service, "good")));
    await store.put(`${root}/bad`, "{");
    await store.put(`${root}/empty`, "");
    const session = new Session(
      sessionOptions(connectString, {
        logins: [{ scheme: "digest", username: "somebody", password: "else" }],
      }),
    );
    world.use({ [Symbol.asyncDispose]: () => session.close() });
    const link = await session.link(AbortSignal.timeout(10_000));
    const secret = {
      path: `${root}/secret`,
      data: Buffer.from("{}"),
      acl: [{ permissions: 31, scheme: "auth", id: "" }],
      mode: "ephemeral",
    } as const;
    await link.create(secret, AbortSignal.timeout(10_000));

    const view = world.view(world.registry({ servers }), service);
    await shows(view, ["good"]);
    assert.deepEqual(
      new Map(view.snapshot.rejected.map(({ key, error }) => [key, error.code])),
      new Map([
        [`${root}/bad`, "RECORD"],
        [`${root}/empty`, "RECORD"],
        [`${root}/secret`, "AUTH"],
      ]),
    );
    // And mended, it is a node.
    await store.put(`${root}/bad`, springRecord(node(service, "bad")));
    await shows(view, ["bad", "good"]);
  });

  test("thousands of records are read in one go and followed one by one", async () => {
    await using world = new World();
    const service = name("many");
    const ids = Array.from({ length: 3_000 }, (_, n) => `node-${String(n).padStart(4, "0")}`);
    const session = new Session(sessionOptions(connectString));
    world.use({ [Symbol.asyncDispose]: () => session.close() });
    const signal = AbortSignal.timeout(60_000);
    const link = await session.link(signal);
    const acl = [{ permissions: 31, scheme: "world", id: "anyone" }];
    const root = `/services/${service}`;
    for (const path of ["/services", root]) {
      await link.create({ path, data: new Uint8Array(), acl, mode: "persistent" }, signal);
    }
    await Promise.all(
      ids.map((id) =>
        link.create(
          {
            path: `${root}/${id}`,
            data: Buffer.from(springRecord(node(service, id))),
            acl,
            mode: "ephemeral",
          },
          signal,
        ),
      ),
    );
    const view = world.view(world.registry({ servers }), service);
    assert.equal((await view.ready()).nodes.length, ids.length);
    const before = new Map(view.nodes.map((one) => [one.id, one]));
    await link.write(
      `${root}/node-0007`,
      Buffer.from(springRecord(node(service, "node-0007", 9_999))),
      -1,
      signal,
    );
    await link.remove(`${root}/node-0008`, -1, signal);
    await until(
      () =>
        view.nodes.length === ids.length - 1 &&
        view.nodes.find(({ id }) => id === "node-0007")?.port === 9_999,
      { what: "the changes" },
    );
    const same = view.nodes.filter((one) => before.get(one.id) === one);
    assert.equal(same.length, ids.length - 2, "what did not change is the same object");
    // All at once, as when their session ends.
    await session.close();
    await until(() => view.nodes.length === 0, { what: "the end of all" });
  });

  test.each(["curator", "dubbo", "plain"] as const)(
    "in one registry the younger of two registrations of an id has it (%s)",
    async (codec) => {
      await using world = new World();
      const service = name(`twice-${codec}`);
      const registry = world.registry({ servers, codec });
      const elder = await registry.register(node(service, "1", 8001));
      const younger = await registry.register(node(service, "1", 8002));
      await until(() => elder.state.cause?.code === "CONFLICT", { what: "the conflict" });
      const view = world.view(world.registry({ servers, codec }), service);
      await shows(view, ["1"]);
      assert.equal(view.nodes[0]?.port, 8002);
      await elder.deregister();
      assert.equal(younger.state.phase, "registered");
      const { nodes } = await registry.read({ service }, AbortSignal.timeout(10_000));
      assert.equal(nodes[0]?.port, 8002);
      await younger.deregister();
      await shows(view, []);
    },
  );

  test("with plain records the younger of two processes has the id, and draining removes it", async () => {
    await using world = new World();
    const service = name("plain");
    const options: ZookeeperOptions = { servers, codec: "plain" };
    const elder = await world.registry(options).register(node(service, "1", 8001));
    const younger = await world.registry(options).register(node(service, "1", 8002));
    await until(() => elder.state.cause?.code === "CONFLICT", { what: "the conflict" });
    const store = jsStore(connectString);
    const path = `/services/${service}/1`;
    assert.equal(await store.get(path), "10.0.0.1:8002");
    await younger.update({ status: "draining" });
    assert.equal(await store.get(path), undefined);
    await younger.update({ status: "up" });
    assert.equal(await store.get(path), "10.0.0.1:8002");
    await store.put(path, "10.9.9.9:1");
    await until(async () => (await store.get(path)) === "10.0.0.1:8002", { what: "the record" });
    await store.remove(path);
    await until(async () => (await store.get(path)) === "10.0.0.1:8002", { what: "the record" });
  });

  test("names that ZooKeeper cannot hold are refused at once", async () => {
    await using world = new World();
    const registry = world.registry({ servers });
    for (const bad of ["a/b", ".", "..", "emoji 🚀", "private \ue000"]) {
      expect(() => registry.register(node(bad, "1"))).toThrow(
        expect.objectContaining({ code: "INVALID" }),
      );
      expect(() => registry.register(node("orders", bad))).toThrow(
        expect.objectContaining({ code: "INVALID" }),
      );
      await expect(
        registry.read({ service: bad }, AbortSignal.timeout(1_000)),
      ).rejects.toMatchObject({ code: "INVALID" });
    }
    expect(() => registry.register(node("a", "1"), { ttlMs: 0 })).toThrow(/ttlMs must be a number/);
  });
});

describeOwnZookeeper("sessions", () => {
  test("one that was ended behind our back is followed by another with every record", async () => {
    await using server = await startZookeeper();
    await using world = new World();
    const session = new Session(sessionOptions(server.port));
    world.use({ [Symbol.asyncDispose]: () => session.close() });
    const link = await session.link(AbortSignal.timeout(20_000));
    const ownerOf = async (service: string): Promise<bigint | undefined> =>
      (await link.exists(`/services/${service}/1`, AbortSignal.timeout(20_000)))?.ephemeralOwner;
    const registry = world.registry({ servers: server.connectString, sessionTimeoutMs: 30_000 });
    const first = await registry.register(node("orders", "1"));
    const second = await registry.register(node("billing", "1"));
    const view = world.view(registry, "orders");
    await shows(view, ["1"]);
    const owner = (await ownerOf("orders")) ?? 0n;
    assert.equal(await ownerOf("billing"), owner, "one session for all");
    await endSession(server.port, owner);
    await until(() => [first, second].every(({ state }) => state.generation >= 2), {
      what: "the return of both",
    });
    await until(() => view.snapshot.state === "fresh" && view.nodes.length === 1, {
      what: "a fresh view",
    });
    assert.notEqual(await ownerOf("orders"), owner);
    assert.equal(await ownerOf("orders"), await ownerOf("billing"));
  });

  test("one that expired on a frozen server keeps its nodes, stale, and comes back", async () => {
    await using server = await startZookeeper();
    await using world = new World();
    const registry = world.registry({ servers: server.connectString });
    const registration = await registry.register(node("orders", "1"));
    const view = world.view(registry, "orders");
    await shows(view, ["1"]);
    await server.pause();
    await until(() => registration.state.phase === "lost", { what: "the loss to be told" });
    assert.equal(view.snapshot.state, "stale");
    assert.equal(view.nodes.length, 1);
    server.resume();
    await until(() => registration.state.phase === "registered", { what: "the return" });
    await until(() => view.snapshot.state === "fresh" && view.nodes.length === 1, {
      what: "a fresh view",
    });
  });

  test("registrations live as long as they ask for, whatever the others do", async () => {
    await using server = await startZookeeper();
    await using world = new World();
    await using proxy = await faultProxy({ host: "127.0.0.1", port: server.port });
    const registry = world.registry({
      servers: `127.0.0.1:${proxy.port}`,
      sessionTimeoutMs: 30_000,
    });
    await registry.register(node("orders", "long"));
    const short = await registry.register(node("orders", "short"), { ttlMs: 500 });
    const view = world.view(world.registry({ servers: server.connectString }), "orders");
    await shows(view, ["long", "short"]);
    proxy.refuse();
    await shows(view, ["long"]);
    await until(() => short.state.phase === "lost", { what: "the loss to be told" });
    proxy.restore();
    await shows(view, ["long", "short"]);
    await short.deregister();
    await shows(view, ["long"]);
    await until(() => proxy.connections === 1, { what: "the second session to end" });
  });
});

describeOwnZookeeper("a service's own znode", () => {
  test.each([undefined, "3.5"] as const)(
    "may go with its last record, and come again with the next (release %s)",
    async (release) => {
      const flags = ["-Dznode.container.checkIntervalMs=100"];
      await using server = await startZookeeper({ release, flags });
      await using world = new World();
      const registry = world.registry({ servers: server.connectString });
      const view = world.view(world.registry({ servers: server.connectString }), "orders");
      const store = jsStore(server.connectString);
      for (const id of ["1", "2", "3"]) {
        const registration = await registry.register(node("orders", id));
        await shows(view, [id]);
        await registration.deregister();
        await shows(view, []);
        await until(async () => (await store.get("/services/orders")) === undefined, {
          what: "the empty container to go",
        });
        assert.notEqual(await store.get("/services"), undefined);
      }
      assert.equal(view.snapshot.state, "fresh");
    },
  );
});

describeOwnZookeeper("an update", () => {
  test("that an outage swallowed is made in the end, and is not taken for an operator's change", async () => {
    await using server = await startZookeeper();
    await using world = new World();
    await using proxy = await faultProxy({ host: "127.0.0.1", port: server.port });
    const timeouts = { connectMs: 500, requestMs: 300 };
    const registry = world.registry({ servers: `127.0.0.1:${proxy.port}`, timeouts });
    const registration = await registry.register({
      ...node("orders", "1"),
      metadata: { version: "1" },
    });
    const view = world.view(world.registry({ servers: server.connectString }), "orders");
    await shows(view, ["1"]);
    const store = jsStore(server.connectString);
    for (const version of ["2", "3", "4"]) {
      proxy.stall();
      const update = registration.update({ metadata: { version } });
      // Long enough for the call to time out, with an outcome that nobody can know.
      await once(subscribed("renew_failed"), "told");
      proxy.restore();
      await update;
      await until(() => view.nodes[0]?.metadata["version"] === version, { what: "the update" });
    }
    assert.equal((await store.get("/services/orders/1"))?.includes('"version":"4"'), true);
  });
});

describeOwnZookeeper("a server without recursive watches", () => {
  test("is followed all the same", async () => {
    await using server = await startZookeeper({ release: "3.5" });
    await using world = new World();
    const servers = server.connectString;
    const reader = world.registry({ servers });
    const [orders, billing] = [world.view(reader, "orders"), world.view(reader, "billing")];
    await until(() => [orders, billing].every(({ snapshot }) => snapshot.state === "fresh"), {
      what: "the first sets",
    });
    const registry = world.registry({ servers });
    const first = await registry.register(node("orders", "1"));
    await registry.register(node("orders", "2"));
    await shows(orders, ["1", "2"]);
    await first.update({ weight: 7 });
    await until(() => orders.nodes[0]?.weight === 7, { what: "the update" });
    await first.update({ weight: 8 });
    await until(() => orders.nodes[0]?.weight === 8, { what: "the second update" });
    await first.deregister();
    await shows(orders, ["2"]);
    await registry.register(node("billing", "1"));
    await shows(billing, ["1"]);
    await server.restart("kept");
    await shows(orders, ["2"]);
    await server.restart("empty");
    await shows(orders, ["2"]);
    await shows(billing, ["1"]);
  });
});
