import assert from "node:assert/strict";
import { test } from "vitest";
import {
  createAuthority,
  describeEtcd,
  describeOwnEtcd,
  etcdctlAt,
  namespace,
  startEtcd,
  startEtcdCluster,
} from "../src/index.ts";

describeEtcd("the shared etcd", (etcd) => {
  test("keeps what is put", async () => {
    const key = namespace("testbed")("key");
    await etcdctlAt(etcd.url, "put", key, "value");
    assert.equal(await etcdctlAt(etcd.url, "get", "--print-value-only", key), "value\n");
  });
});

describeOwnEtcd("etcd servers of our own", () => {
  test("restart with their data or without, on the same port", async () => {
    await using etcd = await startEtcd();
    await etcd.etcdctl("put", "key", "value");
    await etcd.kill();
    await etcd.restart();
    assert.match(await etcd.etcdctl("get", "key"), /value/);
    await etcd.restart("empty");
    assert.equal(await etcd.etcdctl("get", "key"), "");
  });

  test("ask for a login, also after a restart with nothing in them", async () => {
    await using etcd = await startEtcd({ rootPassword: "p@ss:w/rd%" });
    for (const data of ["kept", "empty"] as const) {
      await assert.rejects(etcdctlAt(etcd.url, "put", "key", "value"), /user name is empty/);
      await etcd.etcdctl("put", "key", "value");
      await etcd.restart(data);
    }
  });

  test("ask for a client certificate", async () => {
    await using etcd = await startEtcd({
      tls: { authority: createAuthority(), clientAuth: true },
    });
    assert.match(etcd.url, /^https:/);
    await etcd.etcdctl("put", "key", "value");
    assert.match(await etcd.etcdctl("get", "key"), /value/);
  });

  test("as three members, go on without their leader", async () => {
    await using cluster = await startEtcdCluster();
    const killed = await cluster.killLeader();
    await cluster.settled();
    assert.notEqual(await cluster.leader(), killed);
    await killed.restart();
    assert.match(await killed.etcdctl("get", "testbed"), /settled/);
  });
});
