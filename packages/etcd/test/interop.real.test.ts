import { describeOwnEtcd, type EtcdProcess, startEtcd, until } from "@rollcall/testbed";
import { Etcd3, type Lease } from "etcd3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { CodecName } from "../src/index.ts";
import { connected } from "./connected.ts";
import { fixtures } from "./fixtures/records.ts";

const codecs: readonly CodecName[] = ["rollcall", "grpc", "kratos", "go-zero", "kitex"];

describeOwnEtcd("with the npm client etcd3", () => {
  const { registry: connect, discovery } = connected();
  let server: EtcdProcess;
  let client: Etcd3;
  let lease: Lease;

  beforeAll(async () => {
    server = await startEtcd();
    client = new Etcd3({ hosts: server.url });
  });
  beforeEach(async () => {
    await client.delete().all();
    lease = client.lease(30);
  });
  afterEach(() => lease.revoke());
  afterAll(async () => {
    client?.close();
    await server?.stop();
  });

  describe.each(codecs)("%s", (codec) => {
    const records = fixtures.filter((fixture) => fixture.codec === codec);

    test.each(records)("what it puts is seen: $title", async ({ key, value, node }) => {
      const registry = connect({ hosts: server.url, codec });
      const view = discovery(registry).service(node.service);
      await view.ready();
      await lease.put(key).value(value);
      await until(() => view.snapshot.all.length === 1, { what: "the node" });
      expect(view.snapshot.all[0]).toMatchObject(node);
      expect(await registry.services()).toEqual([node.service]);
      await lease.revoke();
      lease = client.lease(30);
      await until(() => view.snapshot.all.length === 0, { what: "the node to go" });
    });

    test("what we register it sees, and sees go", async () => {
      const watcher = await client.watch().prefix("").create();
      const seen: string[] = [];
      watcher.on("put", ({ key, value }) => seen.push(`put ${key.toString()} ${value.toString()}`));
      watcher.on("delete", ({ key }) => seen.push(`delete ${key.toString()}`));
      const registry = connect({ hosts: server.url, codec });
      const registration = await registry.register({
        service: "orders",
        host: "10.0.0.5",
        port: 8080,
        weight: 7,
      });
      const stored = Object.entries(await client.getAll().strings());
      expect(stored).toHaveLength(1);
      const [key, value] = stored[0] ?? ["", ""];
      await until(() => seen.includes(`put ${key} ${value}`), { what: "the put at the watcher" });
      expect(value).toContain("10.0.0.5");
      await registration.update({ status: "draining" });
      await registration.update({ status: "up" });
      expect(Object.entries(await client.getAll().strings())).toEqual(stored);
      await registration.deregister();
      await until(() => seen.includes(`delete ${key}`), { what: "the delete at the watcher" });
      expect(await client.getAll().strings()).toEqual({});
      await watcher.cancel();
    });
  });

  test("a form that has no word for draining says it by leaving the record out", async () => {
    for (const codec of codecs.filter((one) => one !== "rollcall")) {
      const registry = connect({ hosts: server.url, codec, ttlMs: 2_000 });
      const registration = await registry.register({ service: "orders", host: "h", port: 1 });
      await registration.update({ status: "draining" });
      expect(await client.getAll().strings()).toEqual({});
      // Heartbeats must not bring it back.
      const overMs = performance.now() + 2_500;
      await until(() => performance.now() > overMs, { what: "some heartbeats" });
      expect(await client.getAll().strings()).toEqual({});
      expect(registration.state).toMatchObject({ phase: "registered", generation: 1 });
      await registration.update({ status: "up" });
      expect(Object.keys(await client.getAll().strings())).toHaveLength(1);
      await registration.deregister();
      expect(await client.getAll().strings()).toEqual({});
    }
  });
});
