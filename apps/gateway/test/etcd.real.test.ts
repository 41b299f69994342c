import assert from "node:assert/strict";

import { etcdRegistry } from "@rollcall/etcd";
import {
  describeOwnEtcd,
  type EtcdProcess,
  startEtcd,
  startEtcdCluster,
  until,
} from "@rollcall/testbed";
import { Etcd3 } from "etcd3";
import { onTestFinished, test } from "vitest";

import { foreignNode, goesOn, provider, realGateway } from "./real-gateway.ts";

async function ownEtcd(): Promise<EtcdProcess> {
  const etcd = await startEtcd();
  onTestFinished(() => etcd.stop());
  return etcd;
}

/** As each ecosystem's own client writes a node of `orders`. */
const records: readonly (readonly [codec: string, key: string, value: (port: number) => string])[] =
  [
    ["rollcall", "/rollcall/orders/1", (port) => `{"host":"127.0.0.1","port":${port}}`],
    ["grpc", "orders/1", (port) => `{"Op":0,"Addr":"127.0.0.1:${port}","Metadata":null}`],
    [
      "kratos",
      "/microservices/orders/1",
      (port) =>
        `{"id":"1","name":"orders","version":"v1","metadata":{},"endpoints":["http://127.0.0.1:${port}"]}`,
    ],
    ["go-zero", "orders/7587862094342", (port) => `127.0.0.1:${port}`],
    [
      "kitex",
      "kitex/registry-etcd/orders/127.0.0.1:1",
      (port) => `{"network":"tcp","address":"127.0.0.1:${port}","weight":10,"tags":null}`,
    ],
  ];

describeOwnEtcd("a gateway on a real etcd", () => {
  test("routes to nodes that etcdctl put, in the form of each ecosystem", async () => {
    const etcd = await ownEtcd();
    const gateway = await realGateway(
      `{ ${records.map(([codec]) => `e-${codec}: { type: etcd, host: ["${etcd.url}"], codec: ${codec} }`).join(", ")} }`,
      Object.fromEntries(
        records.map(([codec]) => [`/${codec}`, { service: "orders", registry: `e-${codec}` }]),
      ),
    );
    for (const [codec, key, value] of records) {
      assert.equal((await gateway.get(`/${codec}`)).status, 503, codec);
      const node = await foreignNode(codec);
      await etcd.etcdctl("put", key, value(node.port));
      await until(async () => (await gateway.get(`/${codec}`)).status === 200, {
        what: `traffic to what was put for ${codec}`,
      });
      assert.match((await gateway.get(`/${codec}`)).text, new RegExp(`"name":"${codec}"`));
      await etcd.etcdctl("del", key);
      await until(async () => (await gateway.get(`/${codec}`)).status === 503, {
        what: `no traffic once it is deleted for ${codec}`,
      });
    }
  });

  test("routes to a node that the npm package etcd3 registered, until its lease is revoked", async () => {
    const etcd = await ownEtcd();
    const gateway = await realGateway(`{ etcd: { host: ["${etcd.url}"] } }`, {
      "/*": { service: "orders", registry: "etcd" },
    });
    const node = await foreignNode("etcd3");
    const client = new Etcd3({ hosts: etcd.url });
    onTestFinished(() => client.close());
    const lease = client.lease(30);
    await lease.put("/rollcall/orders/1").value(`{"host":"127.0.0.1","port":${node.port}}`);
    await until(async () => (await gateway.get("/x")).status === 200, { what: "traffic" });
    await lease.revoke();
    await until(async () => (await gateway.get("/x")).status === 503, { what: "no traffic" });
  });

  test("no request fails while etcd is killed, comes back, and is wiped", async () => {
    const etcd = await ownEtcd();
    await using registry = etcdRegistry({ hosts: etcd.url, ttlMs: 2_000 });
    const nodes = [await provider(registry, "orders"), await provider(registry, "orders")];
    const gateway = await realGateway(`{ etcd: { host: ["${etcd.url}"] } }`, {
      "/*": { service: "orders", registry: "etcd" },
    });
    const both = async (): Promise<boolean> => (await gateway.nodes("etcd", "orders")).length === 2;
    await until(both, { what: "both nodes" });
    const load = gateway.load("/x");
    for (const data of ["kept", "empty"] as const) {
      const generations = nodes.map(({ registration }) => registration.state.generation);
      await etcd.kill();
      await goesOn(load);
      await etcd.restart(data);
      if (data === "empty") {
        await until(
          () =>
            nodes.every(({ registration: { state } }, at) => state.generation > generations[at]!),
          { what: "both providers to register again by themselves" },
        );
      }
      await until(
        async () =>
          (await etcd.etcdctl("get", "--prefix", "/rollcall/")).match(/"host"/g)?.length === 2,
        {
          what: "both records",
        },
      );
      await goesOn(load);
      await until(both, { what: "both nodes again" });
    }
    await load.stop();
    assert.deepEqual([...load.outcomes.keys()], ["200"]);
  });

  test("no request fails while a cluster's leader is killed, and a node comes after it", async () => {
    const cluster = await startEtcdCluster();
    onTestFinished(() => cluster.stop());
    await using registry = etcdRegistry({ hosts: cluster.urls, ttlMs: 3_000 });
    await provider(registry, "orders");
    const urls = cluster.urls.map((url) => `"${url}"`).join(", ");
    const gateway = await realGateway(`{ etcd: { host: [${urls}] } }`, {
      "/*": { service: "orders", registry: "etcd" },
    });
    await until(async () => (await gateway.nodes("etcd", "orders")).length === 1, { what: "it" });
    const load = gateway.load("/x");
    await goesOn(load);
    await cluster.killLeader();
    await provider(registry, "orders");
    await until(async () => (await gateway.nodes("etcd", "orders")).length === 2, {
      what: "the second node",
    });
    await goesOn(load);
    await load.stop();
    assert.deepEqual([...load.outcomes.keys()], ["200"]);
  });

  test("no request fails while every provider restarts, one by one", async () => {
    const etcd = await ownEtcd();
    await using registry = etcdRegistry({ hosts: etcd.url, ttlMs: 3_000 });
    let nodes = [await provider(registry, "orders"), await provider(registry, "orders")];
    const gateway = await realGateway(`{ etcd: { host: ["${etcd.url}"] } }`, {
      "/*": { service: "orders", registry: "etcd" },
    });
    await until(async () => (await gateway.nodes("etcd", "orders")).length === 2, { what: "both" });
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
