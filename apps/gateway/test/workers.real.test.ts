import assert from "node:assert/strict";

import { describeOwnEtcd, startEtcd, until } from "@rollcall/testbed";
import { onTestFinished, test } from "vitest";

import { echoNode, send } from "./gateway-under-test.ts";
import { client, connectionsOf, workersUnderTest } from "./workers-under-test.ts";

describeOwnEtcd("workers and a real etcd", () => {
  test("connections and watches at the registry do not grow with the workers; nodes reach all of them", async () => {
    const etcd = await startEtcd();
    onTestFinished(() => etcd.stop());
    const etcdPort = Number(new URL(etcd.url).port);
    const [one, two] = [await echoNode("one"), await echoNode("two")];
    await etcd.etcdctl("put", "/rollcall/orders/1", `{"host":"127.0.0.1","port":${one.port}}`);
    const text = (workers: number): string => `workers: ${workers}
wait_ms: 20000
discovery: { etcd: { host: ["${etcd.url}"] } }
routes:
  - { uri: /a, upstream: { service_name: orders } }
  - { uri: /b, upstream: { service_name: orders } }
`;
    const opened: number[] = [];
    for (const workers of [1, 2, 4]) {
      const gateway = await workersUnderTest(text(workers));
      for (let left = 4 * workers; left > 0; left -= 1) {
        assert.equal((await send(gateway.listen, "/a")).json().name, "one");
      }
      opened.push(connectionsOf(gateway.child.pid!, etcdPort, "remote").size);
      if (workers > 1) {
        for (const pid of await gateway.serving(workers)) {
          assert.equal(connectionsOf(pid, etcdPort, "remote").size, 0, "a worker's connection");
        }
      }
      if (workers === 4) {
        const clients = Array.from({ length: 16 }, () => client(gateway.listen, "/b"));
        await etcd.etcdctl("put", "/rollcall/orders/2", `{"host":"127.0.0.1","port":${two.port}}`);
        await etcd.etcdctl("del", "/rollcall/orders/1");
        const names = async (): Promise<ReadonlySet<string>> => {
          const answers = Array.from({ length: 40 }, () => send(gateway.listen, "/a"));
          return new Set((await Promise.all(answers)).map((answer) => answer.json().name));
        };
        await until(async () => !(await names()).has("one"), { what: "the new node" });
        await etcd.kill();
        await until(
          async () =>
            (await send(gateway.admin, "/v1/status")).json().services[0].state === "stale",
          { what: "the outage to be seen" },
        );
        assert.deepEqual(await names(), new Set(["two"]));
        await Promise.all(clients.map((each) => each.stop()));
        assert.deepEqual(
          clients.flatMap(({ failures }) => failures),
          [],
        );
        for (const { statuses } of clients) assert.deepEqual([...statuses], [200]);
      }
      gateway.child.kill("SIGTERM");
      assert.equal(await gateway.exit(), 0);
    }
    assert.ok(opened[0]! > 0);
    assert.deepEqual(opened, [opened[0], opened[0], opened[0]]);
  });
});
