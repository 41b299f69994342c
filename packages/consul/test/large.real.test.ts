import assert from "node:assert/strict";

import type { NodeSet, ServiceNode } from "@rollcall/core";
import { consulApi, describeConsul, namespace } from "@rollcall/testbed";
import { test } from "vitest";

import { consulRegistry } from "../src/index.ts";

/** What a transaction of Consul may hold. */
const perTransaction = 64;

describeConsul("a service whose answer is megabytes, at a real server", (consul) => {
  const name = namespace("large");

  test("each set is what reading everything gives, and unchanged nodes are the same objects", async () => {
    await using registry = consulRegistry({ servers: consul.url, maxReadsPerSecond: 10_000 });
    const service = name("nodes");
    const agent = name("agent");
    const write = async (operations: readonly object[]): Promise<void> => {
      for (let from = 0; from < operations.length; from += perTransaction) {
        const part = operations.slice(from, from + perTransaction);
        const { status, body } = await consulApi(consul, "PUT", "/v1/txn", part);
        assert.equal(status, 200, JSON.stringify(body));
      }
    };
    const idOf = (index: number): string => `${service}:n${String(index).padStart(4, "0")}`;
    const set = (index: number, meta: Readonly<Record<string, string>>): object => ({
      Service: {
        Verb: "set",
        Node: agent,
        Service: { ID: idOf(index), Service: service, Address: "10.0.0.1", Port: 80, Meta: meta },
      },
    });
    const remove = (index: number): object => ({
      Service: { Verb: "delete", Node: agent, Service: { ID: idOf(index), Service: service } },
    });
    const check = (index: number, status: string): object => ({
      Check: {
        Verb: "set",
        Check: {
          Node: agent,
          CheckID: `check-${index}`,
          ServiceID: idOf(index),
          Status: status,
          Output: `it is "${status}", [he said], {so} \\ é💥`,
        },
      },
    });
    await consulApi(consul, "PUT", "/v1/catalog/register", { Node: agent, Address: "127.0.0.1" });
    await write(Array.from({ length: 1_500 }, (_, index) => set(index * 2, { version: "1" })));

    const stop = new AbortController();
    const sets = registry.watch({ service }, stop.signal)[Symbol.asyncIterator]();
    const byId = ({ nodes }: NodeSet): Map<string, ServiceNode> =>
      new Map(nodes.map((node) => [node.id, node]));
    let before = byId((await sets.next()).value as NodeSet);
    assert.equal(before.size, 1_500);
    const rounds: readonly (readonly object[])[] = [
      [set(1_000, { version: "2" })],
      [set(0, { version: "longer than before" }), set(2_998, { text: 'a "quoted" [text], é💥' })],
      [set(777, { version: "new" })],
      [remove(500), remove(502), remove(2_000)],
      [check(40, "critical"), check(2_800, "passing")],
      [check(40, "passing")],
      Array.from({ length: 60 }, (_, at) => set(at * 40, { version: "spread" })),
      Array.from({ length: 60 }, (_, at) => remove(100 + at * 2)),
    ];
    for (const operations of rounds) {
      await write(operations);
      // One transaction is one change.
      const changed = byId((await sets.next()).value as NodeSet);
      const whole = byId(await registry.read({ service }, AbortSignal.timeout(10_000)));
      assert.deepEqual(changed, whole);
      const same = [...changed].filter(([id, node]) => before.get(id) === node).length;
      assert.ok(same >= whole.size - operations.length, `${same} of ${whole.size} are the same`);
      before = changed;
    }
    stop.abort();
  });
});
