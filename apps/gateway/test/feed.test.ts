import {
  byId,
  createDiscovery,
  defineNode,
  DiscoveryError,
  memoryBackend,
  memoryRegistry,
  type MemoryBackend,
  type ServiceNode,
  type ServiceView,
} from "@rollcall/core";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";

import type { RegistryConfig } from "../src/config/gateway-config.ts";
import { FedRegistries } from "../src/workers/fed-registry.ts";
import { Feed } from "../src/workers/feed.ts";
import { changesBetween, withChanges } from "../src/workers/node-changes.ts";
import type { ToPrimary, ViewChange } from "../src/workers/protocol.ts";
import { put, until } from "./gateway-under-test.ts";

const config = { name: "r", type: "eureka", options: {} } as unknown as RegistryConfig;

/** What goes over the channel is text. */
function asText<T>(message: T): T {
  return JSON.parse(JSON.stringify(message)) as T;
}

interface Pair {
  readonly backend: MemoryBackend;
  readonly primary: ServiceView;
  readonly worker: ServiceView;
  readonly registries: FedRegistries;
  readonly sent: readonly ViewChange[];
  /** What the worker says does not arrive until `release`. */
  hold(): void;
  release(): void;
}

function pair(): Pair {
  const backend = memoryBackend();
  const registry = memoryRegistry({ name: "r", backend });
  const discovery = createDiscovery(registry, { protection: "off", backoff: { capMs: 20 } });
  const sent: ViewChange[] = [];
  const held: (() => void)[] = [];
  let holding = false;
  const feed = new Feed((change) => {
    sent.push(asText(change));
    queueMicrotask(() => registries.change(asText(change)));
  });
  const heard = (message: ToPrimary): void => {
    if (message.kind === "open") feed.open(message.view, discovery.service(message.query));
    if (message.kind === "seen") feed.seen(message.view, message.fits);
    if (message.kind === "close") feed.close(message.view);
  };
  const registries: FedRegistries = new FedRegistries((message) => {
    const deliver = (): void => heard(asText(message));
    if (holding) held.push(deliver);
    else queueMicrotask(deliver);
  });
  const it: Pair = {
    backend,
    registries,
    sent,
    hold: () => void (holding = true),
    primary: discovery.service("A"),
    worker: registries
      .connect(() => ({ r: 1 }))(config, undefined)
      .service({ service: "A" }),
    release() {
      holding = false;
      for (const deliver of held.splice(0)) deliver();
    },
  };
  onTestFinished(async () => {
    feed.end();
    await discovery[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });
  return it;
}

test("a worker sees what the primary sees: pending, nodes, none, stale with its cause", async () => {
  const it = pair();
  expect(it.worker.snapshot.state).toBe("pending");
  await it.worker.ready();
  expect(it.worker.snapshot).toMatchObject({ state: "fresh", origin: "registry", nodes: [] });
  put(it.backend, "A", 1, { metadata: { version: "1", __proto__x: "y" } });
  put(it.backend, "A", 2, { status: "draining" });
  await until(() => it.worker.snapshot.all.length === 2, "both nodes");
  expect(it.worker.snapshot.all).toEqual(it.primary.snapshot.all);
  expect(it.worker.nodes).toEqual(it.primary.nodes);
  expect(it.worker.nodes).toHaveLength(1);
  expect(Object.isFrozen(it.worker.nodes[0]!.metadata)).toBe(true);
  const { nodes, all } = it.worker.snapshot;
  it.backend.fail("UNAVAILABLE");
  await until(() => it.worker.snapshot.state === "stale", "the outage");
  expect(it.worker.snapshot.staleSince).toBe(it.primary.snapshot.staleSince);
  expect(it.worker.snapshot.cause).toBeInstanceOf(DiscoveryError);
  expect(it.worker.snapshot.cause?.message).toBe(it.primary.snapshot.cause?.message);
  // Balancers see by identity that nothing changed.
  expect(it.worker.nodes).toBe(nodes);
  expect(it.worker.snapshot.all).toBe(all);
});

test("one change of one node is one node on the way", async () => {
  const it = pair();
  for (let port = 1; port <= 100; port += 1) put(it.backend, "A", port);
  await until(() => it.worker.nodes.length === 100, "all nodes");
  const [first, second] = it.worker.nodes;
  const before = it.sent.length;
  put(it.backend, "A", 50, { weight: 7 });
  await until(() => it.worker.nodes.some(({ weight }) => weight === 7), "the change");
  const changes = it.sent.slice(before).filter((change) => change.put.length > 0);
  expect(changes).toHaveLength(1);
  expect(changes[0]).toMatchObject({ removed: [], put: [{ port: 50, weight: 7 }] });
  expect(it.worker.nodes[0]).toBe(first);
  expect(it.worker.nodes[1]).toBe(second);
});

test("a slow worker gets the newest only, and nothing piles up for it", async () => {
  const it = pair();
  await it.worker.ready();
  it.hold();
  put(it.backend, "A", 1);
  await until(() => it.worker.nodes.length === 1, "the change that it does not confirm");
  const sent = it.sent.length;
  for (let port = 2; port <= 50; port += 1) {
    put(it.backend, "A", port);
    await until(() => it.primary.nodes.length === port, "the primary to see it");
  }
  expect(it.sent).toHaveLength(sent);
  it.release();
  await until(() => it.worker.nodes.length === 50, "the newest");
  expect(it.sent).toHaveLength(sent + 1);
});

test("a change that does not fit is answered with the whole set", async () => {
  const it = pair();
  put(it.backend, "A", 1);
  await until(() => it.worker.nodes.length === 1, "the first node");
  // Something else takes the worker out of step.
  const [last] = it.sent.slice(-1);
  it.registries.change({ ...last!, version: 1_000, base: 0, put: [], removed: [] });
  expect(it.worker.nodes).toEqual([]);
  put(it.backend, "A", 2);
  await until(() => it.worker.nodes.length === 2, "both nodes");
  expect(it.sent.at(-1)).toMatchObject({ base: 0, put: [{ port: 1 }, { port: 2 }] });
});

test("views of one service are one on the way; the last one that closes ends it", async () => {
  const it = pair();
  const connection = it.registries.connect(() => ({ r: 1 }))(config, undefined);
  const [one, two] = [connection.service({ service: "B" }), connection.service({ service: "B" })];
  await Promise.all([one.ready(), two.ready()]);
  const watches = it.backend.openWatches;
  one[Symbol.dispose]();
  put(it.backend, "B", 1);
  await until(() => two.nodes.length === 1, "the other view to go on");
  two[Symbol.dispose]();
  await until(() => it.backend.openWatches === watches - 1, "the watch to end");
  await expect(two.ready()).rejects.toMatchObject({ code: "CLOSED" });
});

test("told: waits until every view was spoken of, and no longer than the signal lasts", async () => {
  const silent = new FedRegistries(() => undefined);
  await silent.told(AbortSignal.timeout(1));
  silent
    .connect(() => ({ r: 1 }))(config, undefined)
    .service({ service: "A" });
  const reason = new Error("enough");
  await expect(silent.told(AbortSignal.abort(reason))).rejects.toBe(reason);
});

test("changes lead from any list to any other, and keep the nodes that stay", () => {
  const lists = fc.uniqueArray(
    fc.record({
      id: fc
        .string({ minLength: 1, maxLength: 3 })
        .filter((id) => !/[\u0000-\u001f\u007f]/.test(id)),
      weight: fc.nat(2),
    }),
    {
      selector: ({ id }) => id,
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(lists, lists, fc.boolean(), (a, b, same) => {
      const define = ({ id, weight }: { id: string; weight: number }): ServiceNode =>
        defineNode({ service: "S", host: "h", port: 1, id, weight });
      const before = a.map(define).sort(byId);
      const known = new Map(before.map((node) => [node.id, node]));
      const after = b
        .map((one) => {
          const old = known.get(one.id);
          return old !== undefined && (same || old.weight === one.weight) ? old : define(one);
        })
        .sort(byId);
      const changed = withChanges(before, asText(changesBetween(before, after)));
      expect(changed).toEqual(after);
      for (const [index, node] of after.entries()) {
        if (known.get(node.id) === node) expect(changed[index]).toBe(node);
      }
    }),
  );
});
