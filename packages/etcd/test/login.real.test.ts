import { describeOwnEtcd, type EtcdProcess, startEtcd, until } from "@rollcall/testbed";
import { afterAll, beforeAll, expect, test } from "vitest";

import { connected } from "./connected.ts";

describeOwnEtcd("a login", () => {
  const { registry: connect, discovery } = connected();
  let server: EtcdProcess;
  const rootPassword = "p@ss:w/rd%";
  const query = { service: "orders" };
  const signal = (): AbortSignal => AbortSignal.timeout(20_000);

  beforeAll(async () => {
    server = await startEtcd({ rootPassword, flags: { "auth-token-ttl": "2" } });
    await server.etcdctl("role", "add", "reader");
    await server.etcdctl(
      "role",
      "grant-permission",
      "reader",
      "read",
      "/rollcall/",
      "--prefix=true",
    );
    await server.etcdctl("user", "add", "reader", "--new-user-password=r");
    await server.etcdctl("user", "grant-role", "reader", "reader");
  });
  afterAll(() => server?.stop());

  const root = { username: "root", password: rootPassword };

  async function logIns(): Promise<number> {
    const response = await fetch(`${server.url}/metrics`);
    const line = /^grpc_server_handled_total\{grpc_code="OK",grpc_method="Authenticate".* (\d+)$/m;
    return Number(line.exec(await response.text())?.[1] ?? 0);
  }

  test("happens once, whatever is called how often", async () => {
    const registry = connect({ hosts: server.url, ...root });
    const before = await logIns();
    await Promise.all(Array.from({ length: 20 }, () => registry.read(query, signal())));
    for (let count = 0; count < 20; count += 1) await registry.read(query, signal());
    const view = discovery(registry).service("orders");
    await view.ready();
    await registry.register({ ...query, host: "10.0.0.5", port: 1 });
    // etcdctl logs in too, and is not called here.
    expect(await logIns()).toBe(before + 1);
  });

  test("is repeated when the server forgot the token sooner than we thought", async () => {
    const registry = connect({ hosts: server.url, ...root, ttlMs: 60_000 });
    await registry.read(query, signal());
    await using registration = await registry.register({ ...query, host: "10.0.0.5", port: 1 });
    // Tokens live in the memory of the server.
    await server.restart();
    await registry.read(query, signal());
    await registration.update({ weight: 3 });
    const view = discovery(registry).service("orders");
    await view.ready();
    expect(view.nodes[0]?.weight).toBe(3);
    await server.restart();
    await registry.register({ ...query, id: "2", host: "10.0.0.6", port: 1 });
    await until(() => view.nodes.length === 2, { what: "the watch to be back" });
  });

  test("is not needed where the server has none, and taken up when it gets one", async () => {
    await using open = await startEtcd();
    const registry = connect({ hosts: open.url, ...root });
    const view = discovery(registry).service("orders");
    await view.ready();
    await registry.register({ ...query, host: "10.0.0.5", port: 1 });
    await open.etcdctl("user", "add", "root", `--new-user-password=${rootPassword}`);
    await open.etcdctl("user", "grant-role", "root", "root");
    await open.etcdctl("auth", "enable");
    await registry.register({ ...query, id: "2", host: "10.0.0.6", port: 1 });
    await until(() => view.nodes.length === 2, { what: "both nodes" });
    expect((await registry.read(query, signal())).nodes).toHaveLength(2);
  });

  test("that is missing, wrong or without rights is AUTH for every call, and tells no password", async () => {
    const password = "not-this-one";
    const node = { ...query, host: "10.0.0.5", port: 1 };
    for (const credentials of [
      {},
      { username: "root", password },
      { username: "nobody", password },
    ]) {
      const registry = connect({ hosts: server.url, ...credentials });
      const errors = await Promise.all(
        [
          registry.read(query, signal()),
          registry.watch(query, signal())[Symbol.asyncIterator]().next(),
          registry.register(node),
          registry.services(),
        ].map((call: Promise<unknown>) => call.catch((thrown: unknown) => thrown)),
      );
      for (const error of errors) {
        expect(error).toMatchObject({ code: "AUTH", retryable: false });
        expect(String(error)).not.toContain(password);
      }
    }
    const reader = connect({ hosts: server.url, username: "reader", password: "r" });
    await reader.read(query, signal());
    await expect(reader.register(node)).rejects.toMatchObject({ code: "AUTH" });
    const elsewhere = connect({
      hosts: server.url,
      username: "reader",
      password: "r",
      prefix: "/elsewhere/",
    });
    await expect(elsewhere.read(query, signal())).rejects.toMatchObject({
      code: "AUTH",
      message: "etcd: read /elsewhere/orders/ failed: etcdserver: permission denied",
    });
    const view = discovery(elsewhere).service("orders");
    await expect(view.ready()).rejects.toMatchObject({ code: "AUTH" });
    expect(view.snapshot.state).toBe("pending");
  });

  test("may change its password while we run", async () => {
    await server.etcdctl("user", "add", "changing", "--new-user-password=first");
    await server.etcdctl("user", "grant-role", "changing", "reader");
    let password = "first";
    const registry = connect({
      hosts: server.url,
      username: "changing",
      password: () => Promise.resolve(password),
    });
    await registry.read(query, signal());
    await server.etcdctl("user", "delete", "changing");
    await server.etcdctl("user", "add", "changing", "--new-user-password=second");
    await server.etcdctl("user", "grant-role", "changing", "reader");
    await expect(registry.read(query, signal())).rejects.toMatchObject({ code: "AUTH" });
    password = "second";
    await until(async () => registry.read(query, signal()), { what: "the new password to count" });
  });
});
