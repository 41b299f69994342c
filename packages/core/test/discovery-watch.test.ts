import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { createDiscovery, type DiscoveryOptions } from "../src/discovery.ts";
import { DiscoveryError, type ErrorCode } from "../src/error.ts";
import type { ServiceNode } from "../src/node.ts";
import type { Snapshot } from "../src/snapshot.ts";
import { manualClock, settle } from "./manual-clock.ts";
import { ids, node, nodes, type ScriptedOptions, scriptedRegistry } from "./scripted-registry.ts";

function failure(code: ErrorCode, reason = "as told"): DiscoveryError {
  return new DiscoveryError({ code, registry: "scripted", operation: "watch", reason });
}

function setUp(options: DiscoveryOptions = {}, script: ScriptedOptions = {}) {
  const clock = manualClock();
  const registry = scriptedRegistry(script);
  const discovery = createDiscovery(registry, { clock, random: () => 0.5, ...options });
  return { clock, registry, discovery };
}

function brief({ state, origin, cause, nodes: routable, all, held }: Snapshot): string {
  const counts = `${routable.length}/${all.length}${held.length > 0 ? ` held ${held.length}` : ""}`;
  return `${state} ${origin} ${counts}${cause === undefined ? "" : ` ${cause.code}`}`;
}

describe("states", () => {
  test("pending, fresh, stale, fresh", async () => {
    const { clock, registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const pending = view.snapshot;
    assert.equal(brief(pending), "pending none 0/0");
    assert.equal(pending.sequence, 0);
    assert.equal(pending.registry, "scripted");
    assert.deepEqual(pending.query, { service: "orders" });

    registry.last.push(node(2), node(1), node(3, { status: "down" }), node(4, { weight: 0 }));
    await settle();
    const fresh = view.snapshot;
    assert.equal(brief(fresh), "fresh registry 2/4");
    assert.deepEqual(ids(view.nodes), ["n1", "n2"]);
    assert.deepEqual(ids(fresh.all), ["n1", "n2", "n3", "n4"]);
    assert.equal(fresh.sequence, 1);
    assert.equal(fresh.changedAt, clock.unixMs());
    assert.equal(fresh.staleSince, undefined);

    await clock.advance(5_000);
    registry.last.fail(failure("UNAVAILABLE"));
    await settle();
    const stale = view.snapshot;
    assert.equal(brief(stale), "stale registry 2/4 UNAVAILABLE");
    assert.equal(stale.staleSince, clock.unixMs());
    assert.equal(stale.changedAt, fresh.changedAt);
    assert.equal(stale.nodes, fresh.nodes, "an outage never changes nodes");
    assert.equal(stale.all, fresh.all);

    await clock.advance(60);
    registry.last.fail(failure("TIMEOUT"));
    await settle();
    assert.equal(brief(view.snapshot), "stale registry 2/4 TIMEOUT");
    assert.equal(view.snapshot.staleSince, stale.staleSince, "stale since the first failure");

    await clock.advance(200);
    registry.last.push(node(1), node(2), node(3, { status: "down" }), node(4, { weight: 0 }));
    await settle();
    assert.equal(brief(view.snapshot), "fresh registry 2/4");
    assert.equal(view.snapshot.nodes, fresh.nodes);
    assert.equal(view.snapshot.staleSince, undefined);
    assert.equal(view.snapshot.cause, undefined);
  });

  test("an empty answer is fresh, and is not the failure to answer", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const [a, b] = [discovery.service("a"), discovery.service("b")];
    registry.watches[0]?.push();
    registry.watches[1]?.fail(failure("UNAVAILABLE"));
    await settle();
    assert.equal(brief(a.snapshot), "fresh registry 0/0");
    assert.equal(brief(b.snapshot), "pending none 0/0 UNAVAILABLE");
  });

  test("what is thrown without a shape becomes PROTOCOL and shows no text of it", async () => {
    for (const thrown of [new TypeError("http://user:secret@host"), "secret", null, undefined]) {
      const { registry, discovery } = setUp();
      await using _ = discovery;
      const view = discovery.service("orders");
      registry.last.fail(thrown);
      await settle();
      assert.equal(view.snapshot.cause?.code, "PROTOCOL");
      assert.doesNotMatch(view.snapshot.cause?.message ?? "", /secret/);
    }
  });

  test("a watch that ends is a failure", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    registry.last.push(node(1));
    await settle();
    registry.last.end();
    await settle();
    assert.equal(brief(view.snapshot), "stale registry 1/1 PROTOCOL");
  });

  test("sloppy watches fail and are tried again", async () => {
    const sloppy: ((signal: AbortSignal) => unknown)[] = [
      () => undefined,
      () => {
        throw failure("UNAVAILABLE");
      },
      async function* () {
        yield undefined;
      },
      async function* () {
        yield { nodes: 7 };
      },
      () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("no")) }) }),
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.reject(new Error("no")),
          return: () => {
            throw new Error("nor this");
          },
        }),
      }),
    ];
    for (const watch of sloppy) {
      const { clock, registry, discovery } = setUp();
      await using _ = discovery;
      let calls = 0;
      registry.watch = (_query, signal) => {
        calls += 1;
        return watch(signal) as never;
      };
      const view = discovery.service("orders");
      await clock.advance(60);
      assert.equal(view.snapshot.state, "pending");
      assert.ok(view.snapshot.cause);
      assert.equal(calls, 2);
    }
  });
});

describe("retry", () => {
  async function waits(code: ErrorCode, script: ScriptedOptions = {}, rounds = 14) {
    const { clock, registry, discovery } = setUp({ random: () => 0.999_999 }, script);
    await using _ = discovery;
    discovery.service("orders");
    const list: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      registry.last.fail(failure(code));
      await settle();
      list.push(Math.round(clock.nextInMs ?? -1));
      await clock.advance(clock.nextInMs ?? 0);
    }
    return list;
  }

  test("backs off from 100 ms to 30 s", async () => {
    assert.deepEqual(
      await waits("UNAVAILABLE"),
      [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000, 30000, 30000],
    );
  });

  test("never longer than the registry says", async () => {
    const list = await waits("TIMEOUT", { traits: { retryCapMs: 500 } });
    assert.deepEqual(list.slice(0, 6), [100, 200, 400, 500, 500, 500]);
  });

  test("slowly after a refusal, for ever", async () => {
    for (const code of ["AUTH", "INVALID", "UNSUPPORTED"] as const) {
      const list = await waits(code, { traits: { retryCapMs: 500 } });
      assert.ok(
        list.every((ms) => ms >= 15_000 && ms <= 30_000),
        `${code}: ${list.join()}`,
      );
    }
  });

  test("starts over only after a healthy period", async () => {
    const { clock, registry, discovery } = setUp({ random: () => 0.999_999 });
    await using _ = discovery;
    discovery.service("orders");
    const round = async (healthyMs: number): Promise<number> => {
      registry.last.push(node(1));
      await clock.advance(healthyMs);
      registry.last.fail(failure("UNAVAILABLE"));
      await settle();
      const waitMs = Math.round(clock.nextInMs ?? -1);
      await clock.advance(waitMs);
      return waitMs;
    };
    assert.equal(await round(0), 100);
    assert.equal(await round(100), 200);
    assert.equal(await round(4_999), 400);
    assert.equal(await round(5_000), 100);
    assert.equal(await round(0), 200);
  });

  test("one attempt at a time, each with a signal that lives", async () => {
    const { clock, registry, discovery } = setUp();
    await using _ = discovery;
    discovery.service("orders");
    for (let round = 1; round < 5; round += 1) {
      registry.last.fail(failure("UNAVAILABLE"));
      await clock.advance(40_000);
      assert.equal(registry.watches.length, round + 1);
      assert.equal(registry.last.signal.aborted, false);
    }
  });
});

describe("equal sets", () => {
  test("give no snapshot, whatever their order", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const rejected = ["b", "a", "a"].map((key, index) => ({
      key,
      error: new DiscoveryError({
        code: "RECORD",
        registry: "scripted",
        operation: `decode ${key}`,
        reason: `number ${index % 2}`,
      }),
    }));
    const all = nodes(0, 50, { metadata: { b: "2", a: "1" } });
    registry.last.pushSet({ nodes: all, rejected });
    await settle();
    const first = view.snapshot;
    registry.last.pushSet({ nodes: all.toReversed(), rejected: rejected.toReversed() });
    await settle();
    assert.equal(view.snapshot, first);
    registry.last.pushSet({ nodes: nodes(0, 50, { metadata: { a: "1", b: "2" } }), rejected });
    await settle();
    assert.equal(view.snapshot, first);
    registry.last.pushSet({ nodes: all, rejected: rejected.slice(1) });
    await settle();
    assert.equal(view.snapshot.sequence, first.sequence + 1);
    assert.equal(view.nodes, first.nodes);
  });

  test("a change of one node keeps the others and tells arrays apart", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    registry.last.push(...nodes(0, 10));
    await settle();
    const before = view.snapshot;
    registry.last.push(...nodes(0, 9), node(9, { metadata: { version: "2" } }));
    await settle();
    const after = view.snapshot;
    assert.notEqual(after.nodes, before.nodes);
    assert.deepEqual(
      after.all.map((one, index) => one === before.all[index]),
      [...Array<boolean>(9).fill(true), false],
    );
    registry.last.push(...nodes(0, 10, {}), node(10, { status: "down" }));
    await settle();
    const down = view.snapshot;
    registry.last.push(...nodes(0, 10, {}));
    await settle();
    assert.notEqual(view.snapshot.all, down.all);
    assert.equal(view.nodes, down.nodes, "routable nodes did not change");
  });

  test("everything a consumer gets is frozen", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service({ service: "orders", scope: { group: "g" } });
    const sloppy = { ...node(1), metadata: { a: "b" } };
    registry.last.pushSet({ nodes: [sloppy, { ...node(2), port: -1 }] });
    await settle();
    registry.last.push();
    await settle();
    deepFrozen(view.snapshot);
    assert.equal(view.snapshot.held.length, 1);
    sloppy.metadata.a = "changed";
    assert.equal(view.nodes[0]?.metadata["a"], "b", "inputs are copied");
  });
});

describe("bad nodes", () => {
  test("are rejected one by one, with the good ones served", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const bad: unknown[] = [
      null,
      undefined,
      7,
      "n1",
      {},
      { service: "orders", id: "bad", host: "10.0.0.9", port: "80" },
      {
        id: "trap",
        get host(): string {
          throw new Error("secret");
        },
      },
      {
        get id(): string {
          throw new Error("secret");
        },
      },
    ];
    registry.last.pushSet({ nodes: [node(1), ...bad, node(2)] as ServiceNode[] });
    await settle();
    const { rejected } = view.snapshot;
    assert.deepEqual(ids(view.nodes), ["n1", "n2"]);
    assert.equal(rejected.length, bad.length);
    assert.ok(rejected.every(({ error }) => error.code === "RECORD"));
    assert.doesNotMatch(JSON.stringify(rejected.map(({ error }) => error.message)), /secret/);
    assert.ok(rejected.some(({ key }) => key === "trap"));
  });

  test("of two records with one id the first is served, the second reported", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    registry.last.push(node(1, { weight: 1 }), node(1, { weight: 2 }));
    await settle();
    assert.equal(view.nodes[0]?.weight, 1);
    assert.equal(view.nodes.length, 1);
    assert.deepEqual(
      view.snapshot.rejected.map(({ key }) => key),
      ["n1"],
    );
  });

  test("nodes that were not defined are, once", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const raw = { service: "orders", host: "::1", port: 80 } as ServiceNode;
    registry.last.push(raw);
    await settle();
    const first = view.snapshot;
    assert.deepEqual(ids(view.nodes), ["[::1]:80"]);
    registry.last.push({ ...raw });
    await settle();
    assert.equal(view.snapshot, first);
  });
});

test("10 000 nodes come, change and go", async () => {
  const { clock, registry, discovery } = setUp();
  await using _ = discovery;
  const view = discovery.service("orders");
  const many = nodes(0, 10_000);
  registry.last.push(...many);
  await settle();
  assert.equal(view.nodes.length, 10_000);
  registry.last.push(...many.slice(0, 9_999));
  await settle();
  assert.equal(view.nodes.length, 9_999);
  registry.last.push();
  await settle();
  assert.equal(view.snapshot.held.length, 9_999);
  registry.reads[0]?.answer();
  await clock.advance(0);
  assert.equal(brief(view.snapshot), "fresh registry 0/0");
});

function deepFrozen(value: unknown): void {
  // Errors are shared with whoever catches them; what they hold of ours is read-only by type.
  if (typeof value !== "object" || value === null || value instanceof Error) return;
  assert.ok(Object.isFrozen(value));
  for (const inner of Object.values(value)) deepFrozen(inner);
}
