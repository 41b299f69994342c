import { faultProxy } from "@rollcall/conformance";
import { describeOwnEtcd, type EtcdProcess, startEtcd, until } from "@rollcall/testbed";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { connected, quick } from "./connected.ts";
import { type RawEtcd, rawEtcd } from "./raw-etcd.ts";

describeOwnEtcd("an etcd registry", () => {
  const { registry: connect, discovery, use } = connected();
  let server: EtcdProcess;
  let raw: RawEtcd;
  let hosts: string;
  const node = { service: "orders", id: "1", host: "10.0.0.5", port: 8080 };
  const key = "/rollcall/orders/1";

  beforeAll(async () => {
    server = await startEtcd();
    hosts = server.url;
    raw = rawEtcd(() => server.url);
  });
  beforeEach(() => raw.removePrefix("/"));
  afterAll(() => server?.stop());

  const leaseOf = async (at: string): Promise<string | undefined> => (await raw.get(at))?.lease;
  const signal = (): AbortSignal => AbortSignal.timeout(20_000);

  test("sees what etcdctl puts, with nothing but host and port", async () => {
    const view = discovery(connect({ hosts })).service("orders");
    await view.ready();
    await server.etcdctl("put", "/rollcall/orders/1", '{"host":"127.0.0.1","port":8080}');
    await until(() => view.nodes.length === 1, { what: "the node" });
    expect(view.nodes[0]).toMatchObject({
      service: "orders",
      id: "1",
      host: "127.0.0.1",
      port: 8080,
      secure: false,
      weight: 100,
      status: "up",
    });
    await server.etcdctl("put", "/rollcall/orders/2", '{"host":"127.0.0.1"}');
    await until(() => view.snapshot.rejected.length === 1, { what: "the rejected record" });
    expect(view.snapshot.rejected[0]).toMatchObject({
      key: "/rollcall/orders/2",
      error: { code: "RECORD", reason: expect.stringContaining("port must be an integer") },
    });
    await server.etcdctl("del", "/rollcall/orders/1");
    await until(() => view.nodes.length === 0, { what: "the node to go" });
  });

  test("writes the record that is documented", async () => {
    const registry = connect({ hosts, prefix: "/other" });
    await registry.register({
      ...node,
      zone: "a",
      weight: 5,
      secure: true,
      metadata: { version: "1" },
    });
    const stored = await raw.get("/other/orders/1");
    expect(JSON.parse(stored?.value ?? "")).toEqual({
      v: 1,
      host: "10.0.0.5",
      port: 8080,
      secure: true,
      weight: 5,
      zone: "a",
      metadata: { version: "1" },
    });
    expect(stored?.lease).not.toBe("0");
    expect(await registry.services()).toEqual(["orders"]);
  });

  describe("a lease", () => {
    test("is shared by the registrations of a process, and ends with the last of them", async () => {
      const registry = connect({ hosts });
      const before = await raw.leases();
      const first = await registry.register(node);
      const second = await registry.register({ ...node, service: "users" });
      const [lease] = (await raw.leases()).filter((id) => !before.includes(id));
      expect(await leaseOf(key)).toBe(lease);
      expect(await leaseOf("/rollcall/users/1")).toBe(lease);
      expect(await raw.leases()).toHaveLength(before.length + 1);
      await first.deregister();
      expect(await raw.get(key)).toBeUndefined();
      expect(await leaseOf("/rollcall/users/1")).toBe(lease);
      await second.deregister();
      await until(async () => (await raw.leases()).length === before.length, {
        what: "the lease to end",
      });
    });

    test("that is revoked is replaced, and every record is put back", async () => {
      const registry = connect({ hosts });
      const registrations = [
        await registry.register(node),
        await registry.register({ ...node, service: "users" }),
      ];
      const lease = await leaseOf(key);
      await raw.revokeLease(lease ?? "");
      await until(
        () =>
          registrations.every(({ state }) => state.phase === "registered" && state.generation >= 2),
        { what: "both to be registered again" },
      );
      expect(await leaseOf(key)).not.toBe(lease);
      expect(await leaseOf(key)).toBe(await leaseOf("/rollcall/users/1"));
    });

    test("of another length is another one", async () => {
      const registry = connect({ hosts });
      await registry.register(node, { ttlMs: 5_000 });
      await registry.register({ ...node, id: "2" }, { ttlMs: 9_500 });
      const ttlOf = async (at: string): Promise<unknown> =>
        (await raw.call("/v3/lease/timetolive", { ID: await leaseOf(at) }))["grantedTTL"];
      expect(await ttlOf(key)).toBe("5");
      expect(await ttlOf("/rollcall/orders/2")).toBe("10");
    });

    test("is attached again after an operator's put took the record from it", async () => {
      const registration = await connect({ hosts }).register({ ...node, metadata: { a: "1" } });
      const lease = await leaseOf(key);
      const { value } = (await raw.get(key)) ?? { value: "" };
      await raw.put(key, value.replace('"weight":100', '"weight":3'));
      expect(await leaseOf(key)).toBe("0");
      await until(async () => (await leaseOf(key)) === lease, { what: "the lease" });
      expect(JSON.parse((await raw.get(key))?.value ?? "")).toMatchObject({ weight: 3 });
      expect(registration.state).toMatchObject({ phase: "registered", generation: 1 });
      await registration.update({ weight: 4 });
      expect(JSON.parse((await raw.get(key))?.value ?? "")).toMatchObject({ weight: 4 });
    });
  });

  describe("an owner's record", () => {
    test.each([
      ["that is no JSON", "{"],
      ["of another address", '{"host":"192.0.2.1","port":9}'],
      ["without its metadata", '{"host":"10.0.0.5","port":8080}'],
      ["that is empty", ""],
      ["that is not UTF-8", Buffer.from([0xff, 0xfe])],
    ])("%s is put back", async (_, damage) => {
      await connect({ hosts }).register({ ...node, weight: 7, metadata: { a: "1" } });
      const { value } = (await raw.get(key)) ?? { value: "" };
      await raw.put(key, damage);
      await until(async () => (await raw.get(key))?.value === value, { what: "the record" });
      expect(await leaseOf(key)).not.toBe("0");
    });

    test("is left to a younger registration of the same process", async () => {
      const registry = connect({ hosts });
      const elder = await registry.register({ ...node, weight: 1 });
      const younger = await registry.register({ ...node, weight: 2 });
      await until(() => elder.state.cause?.code === "CONFLICT", { what: "the elder to learn" });
      await elder.deregister();
      expect(JSON.parse((await raw.get(key))?.value ?? "")).toMatchObject({ weight: 2 });
      await younger.deregister();
      expect(await raw.get(key)).toBeUndefined();
    });

    test("does not come back by a write that was under way when it was deregistered", async () => {
      // Two ways to one server: what is stuck on the first arrives after all is over.
      const [stuck, open] = [use(await faultProxy(address())), use(await faultProxy(address()))];
      const registry = connect({
        hosts: [`127.0.0.1:${stuck.port}`, `127.0.0.1:${open.port}`],
        timeouts: { connectMs: 500, requestMs: 300, noticeMs: 60_000 },
        ttlMs: 6_000,
        random: () => 0,
      });
      // A watch keeps the first connection from being closed.
      const view = discovery(registry).service("orders");
      await view.ready();
      const other = await registry.register({ ...node, id: "other" });
      const lease = await leaseOf("/rollcall/orders/other");
      stuck.stall();
      const registration = await registry.register(node);
      expect(await leaseOf(key)).toBe(lease);
      await registration.deregister();
      expect(await raw.get(key)).toBeUndefined();
      expect(await leaseOf("/rollcall/orders/other")).not.toBe(lease);
      stuck.restore();
      // What the watch had to say was stuck behind the write.
      await raw.put("/rollcall/orders/last", '{"host":"127.0.0.1","port":1}');
      await until(() => view.snapshot.all.some(({ id }) => id === "last"), { what: "the watch" });
      expect(await raw.get(key)).toBeUndefined();
      expect(other.state).toMatchObject({ phase: "registered", generation: 1 });
    });
  });

  describe("a service of 12 000 records", () => {
    const count = 12_000;
    beforeEach(async () => {
      const value = JSON.stringify({
        host: "10.0.0.1",
        port: 1,
        metadata: { text: "x".repeat(500) },
      });
      const puts = Array.from({ length: count }, (_, index) => ({
        request_put: {
          key: Buffer.from(`/rollcall/large/${index}`).toString("base64"),
          value: Buffer.from(value).toString("base64"),
        },
      }));
      for (let at = 0; at < count; at += 100) {
        await raw.call("/v3/kv/txn", { success: puts.slice(at, at + 100) });
      }
    });

    test("is read and watched whole, whatever fits into one answer", async () => {
      // 7 MB; a page of a thousand is larger than an answer may be.
      const registry = connect({ hosts, maxMessageBytes: 65_536 });
      expect((await registry.read({ service: "large" }, signal())).nodes).toHaveLength(count);
      const view = discovery(registry).service("large");
      await view.ready();
      expect(view.nodes).toHaveLength(count);
      await raw.remove("/rollcall/large/7");
      await until(() => view.nodes.length === count - 1, { what: "the change" });
    });

    test("that is larger than allowed is an error, not a part", async () => {
      const registry = connect({ hosts, maxSetBytes: 1_048_576 });
      await expect(registry.read({ service: "large" }, signal())).rejects.toMatchObject({
        code: "PROTOCOL",
        reason: expect.stringContaining("maxSetBytes"),
      });
    });
  });

  test("reads all pages at one revision", async () => {
    const of = (id: string): object => ({
      key: Buffer.from(`/rollcall/moving/${id}`).toString("base64"),
    });
    const value = Buffer.from('{"host":"127.0.0.1","port":1}').toString("base64");
    // Between them, so that the first and the last key are on different pages.
    for (let at = 1; at < 20; at += 1)
      await raw.put(`/rollcall/moving/m${at}`, '{"host":"h","port":1}');
    const move = (from: string, to: string): Promise<unknown> =>
      raw.call("/v3/kv/txn", {
        success: [{ request_delete_range: of(from) }, { request_put: { ...of(to), value } }],
      });
    await raw.put("/rollcall/moving/a", '{"host":"127.0.0.1","port":1}');
    const stop = new AbortController();
    const moving = (async () => {
      for (let moves = 0; ; moves += 1) {
        if (stop.signal.aborted) return moves;
        await (moves % 2 === 0 ? move("a", "z") : move("z", "a"));
      }
    })();
    const registry = connect({ hosts, pageSize: 2 });
    for (let reads = 0; reads < 60; reads += 1) {
      const { nodes } = await registry.read({ service: "moving" }, signal());
      expect(nodes.filter(({ id }) => id === "a" || id === "z")).toHaveLength(1);
    }
    stop.abort();
    expect(await moving).toBeGreaterThan(1);
  });

  test("keeps services apart that share a beginning", async () => {
    const registry = connect({ hosts });
    for (const service of ["orders", "orders-archive", "orders/eu", "order", "orders%2Feu"]) {
      await registry.register({ ...node, service, id: service });
    }
    await raw.put("/rollcall/orders/eu/9", '{"host":"127.0.0.1","port":1}');
    for (const service of ["orders", "orders-archive", "orders/eu", "order", "orders%2Feu"]) {
      const { nodes, rejected } = await registry.read({ service }, signal());
      expect(nodes.map(({ id }) => id)).toEqual([service]);
      expect(rejected).toEqual([]);
    }
    expect(await registry.services()).toEqual(
      ["order", "orders", "orders%2Feu", "orders-archive", "orders/eu"].sort(),
    );
  });

  test("goes to the next host when one does not answer", async () => {
    const silent = use(await faultProxy(address()));
    silent.stall();
    const registry = connect({
      hosts: ["127.0.0.1:1", `127.0.0.1:${silent.port}`, hosts],
      // As long for the host that answers as for the silent one.
      timeouts: { ...quick, connectMs: 1_000 },
      random: () => 0,
    });
    await raw.put(key, '{"host":"127.0.0.1","port":1}');
    const { nodes } = await registry.read({ service: "orders" }, signal());
    expect(nodes).toHaveLength(1);
    await registry.register({ ...node, id: "2" });
  });

  test("rejects within its limits when no host answers", async () => {
    const silent = use(await faultProxy(address()));
    silent.stall();
    const registry = connect({
      hosts: `127.0.0.1:${silent.port}`,
      timeouts: { ...quick, connectMs: 200 },
    });
    await expect(registry.read({ service: "orders" }, signal())).rejects.toMatchObject({
      code: "TIMEOUT",
      message: expect.stringMatching(
        /^etcd: read \/rollcall\/orders\/ failed: http:\/\/127\.0\.0\.1:\d+ is not connected within 200 ms$/,
      ),
    });
    const refused = connect({ hosts: "127.0.0.1:1", name: "eu" });
    await expect(refused.read({ service: "orders" }, signal())).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message:
        "eu: read /rollcall/orders/ failed: http://127.0.0.1:1 cannot be reached (ECONNREFUSED)",
    });
    expect(silent.accepted).toBe(1);
    await until(() => silent.connections === 0, { what: "the connection to be closed" });
  });

  function address(): { readonly host: string; readonly port: number } {
    return { host: "127.0.0.1", port: server.port };
  }
});
