import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { createDiscovery } from "../src/discovery.ts";
import { DiscoveryError, type ErrorCode } from "../src/error.ts";
import { fixedView } from "../src/fixed.ts";
import { merge } from "../src/merge.ts";
import type { Snapshot } from "../src/snapshot.ts";
import { type ManualClock, manualClock, settle } from "./manual-clock.ts";
import { ids, node, nodes, scriptedRegistry } from "./scripted-registry.ts";

function failure(code: ErrorCode): DiscoveryError {
  return new DiscoveryError({ code, registry: "scripted", operation: "watch", reason: code });
}

function one(name: string, clock: ManualClock) {
  const registry = scriptedRegistry({ name });
  const discovery = createDiscovery(registry, { clock, random: () => 0.5 });
  return { registry, discovery, view: discovery.service("orders") };
}

function two() {
  const clock = manualClock();
  const [a, b] = [one("a", clock), one("b", clock)];
  return { clock, a, b, merged: merge(a.view, b.view) };
}

function brief({ state, origin, cause, nodes: { length } }: Snapshot): string {
  return `${state} ${origin} ${length}${cause === undefined ? "" : ` ${cause.code}`}`;
}

test("the union, sorted; of one id the first view's", async () => {
  const { a, b, merged } = two();
  a.registry.last.push(node(2, { weight: 1 }), node(4));
  b.registry.last.push(node(1), node(2, { weight: 9 }), node(3, { status: "down" }));
  await settle();
  assert.deepEqual(ids(merged.snapshot.all), ["n1", "n2", "n3", "n4"]);
  assert.deepEqual(ids(merged.nodes), ["n1", "n2", "n4"]);
  assert.equal(merged.nodes[1]?.weight, 1);
  assert.equal(merged.snapshot.registry, "a+b");
  a.registry.last.push(node(4));
  await settle();
  assert.equal(merged.nodes[1]?.weight, 9, "the second view's comes up when the first has none");
});

test("one that is down takes nothing away from the other", async () => {
  const { clock, a, b, merged } = two();
  assert.equal(brief(merged.snapshot), "pending none 0");
  a.registry.last.push(node(1));
  await settle();
  assert.equal(brief(merged.snapshot), "stale registry 1", "b may know more");
  assert.equal(typeof merged.snapshot.staleSince, "number");
  await clock.advance(1_000);
  b.registry.last.fail(failure("UNAVAILABLE"));
  await settle();
  assert.equal(brief(merged.snapshot), "stale registry 1 UNAVAILABLE");
  await clock.advance(100);
  b.registry.last.push(node(2));
  await settle();
  assert.equal(brief(merged.snapshot), "fresh registry 2");
  assert.equal(merged.snapshot.staleSince, undefined);
  await clock.advance(1_000);
  b.registry.last.fail(failure("TIMEOUT"));
  await settle();
  assert.equal(brief(merged.snapshot), "stale registry 2 TIMEOUT");
  assert.equal(merged.snapshot.staleSince, b.view.snapshot.staleSince);
});

test("what changes nothing in the union makes no snapshot, and arrays keep their identity", async () => {
  const { a, b, merged } = two();
  a.registry.last.push(node(1), node(3));
  b.registry.last.push(node(1), node(2));
  await settle();
  const first = merged.snapshot;
  assert.equal(merged.snapshot, first);
  b.registry.last.push(node(1, { weight: 5 }), node(2));
  await settle();
  assert.equal(merged.snapshot, first, "a's n1 hides b's");
  a.registry.last.push(node(3));
  await settle();
  assert.notEqual(merged.snapshot, first);
  assert.equal(merged.nodes[0]?.weight, 5);
  const second = merged.snapshot;
  b.registry.last.fail(failure("TIMEOUT"));
  await settle();
  assert.equal(merged.snapshot.state, "stale");
  assert.equal(merged.nodes, second.nodes);
  assert.equal(merged.snapshot.held, second.held);
  assert.equal(merged.snapshot.sequence, second.sequence + 1);
  assert.ok(Object.isFrozen(merged.snapshot));
});

test("held and rejected are told for the union", async () => {
  const { a, b, merged } = two();
  a.registry.last.push(...nodes(0, 4));
  b.registry.last.push(...nodes(2, 5), node(4));
  await settle();
  a.registry.last.push();
  await settle();
  assert.deepEqual(ids(merged.snapshot.held), ["n0", "n1", "n2", "n3"]);
  assert.deepEqual(ids(merged.nodes), ["n0", "n1", "n2", "n3", "n4"]);
  assert.deepEqual(
    merged.snapshot.rejected.map(({ key }) => key),
    ["n4"],
  );
  b.registry.last.push(...nodes(0, 5));
  a.registry.reads[0]?.answer();
  await settle();
  assert.deepEqual(ids(merged.snapshot.held), []);
});

describe("ready", () => {
  test("waits while any part may still answer, and tells the refusal when none can", async () => {
    const { clock, a, b, merged } = two();
    const waiting = merged.ready();
    let settled = false;
    const note = (): void => void (settled = true);
    waiting.then(note, note);
    a.registry.last.fail(failure("AUTH"));
    await settle();
    b.registry.last.fail(failure("UNAVAILABLE"));
    await settle();
    assert.equal(settled, false);
    assert.equal(brief(merged.snapshot), "pending none 0 UNAVAILABLE");
    await clock.advance(100);
    b.registry.last.fail(failure("UNSUPPORTED"));
    await assert.rejects(waiting, (error: DiscoveryError) => error.code === "AUTH");
  });

  test("resolves with the first that knows", async () => {
    const { a, b, merged } = two();
    const waiting = merged.ready();
    a.registry.last.fail(failure("AUTH"));
    await settle();
    b.registry.last.push(node(1));
    assert.equal(brief(await waiting), "stale registry 1 AUTH");
  });

  test("rejects when disposed", async () => {
    const { merged } = two();
    const waiting = merged.ready();
    merged[Symbol.dispose]();
    await assert.rejects(waiting, (error: DiscoveryError) => error.code === "CLOSED");
  });
});

test("iterating follows every part; dispose ends it and the parts", async () => {
  const { clock, a, b, merged } = two();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const snapshot of merged) seen.push(brief(snapshot));
  })();
  await settle();
  a.registry.last.push(node(1));
  await settle();
  b.registry.last.push(node(2));
  await settle();
  merged[Symbol.dispose]();
  merged[Symbol.dispose]();
  await reading;
  assert.deepEqual(seen, ["pending none 0", "stale registry 1", "fresh registry 2"]);
  assert.ok(a.registry.last.signal.aborted && b.registry.last.signal.aborted);
  assert.deepEqual(ids(merged.nodes), ["n1", "n2"]);
  for await (const _snapshot of merged) assert.fail("a disposed view yields nothing");
  await settle();
  assert.equal(clock.timers, 0);
});

test("iterators that are left end their share of the parts", async () => {
  const { a, merged } = two();
  const iterator = merged[Symbol.asyncIterator]();
  await iterator.next();
  const pending = iterator.next();
  await iterator.return?.();
  assert.equal((await pending).done, true);
  a.registry.last.push(node(1));
  await settle();
  assert.equal(merged.nodes.length, 1);
});

test("a fixed view joins in, and merged views merge", async () => {
  const clock = manualClock();
  const a = one("a", clock);
  const fallback = fixedView("orders", [{ id: "fixed", host: "10.9.9.9", port: 80 }]);
  const merged = merge(merge(a.view, fallback), fixedView("orders", [{ host: "x", port: 1 }]));
  assert.deepEqual(ids(merged.nodes), ["fixed", "x:1"]);
  assert.equal(merged.snapshot.state, "stale");
  a.registry.last.push(node(1));
  await settle();
  assert.deepEqual(ids(merged.nodes), ["fixed", "n1", "x:1"]);
  assert.equal(merged.snapshot.state, "fresh");
  assert.equal(merged.snapshot.registry, "a+fixed+fixed");
});

test("10 000 held nodes are merged without comparing each with each", async () => {
  const { a, b, merged } = two();
  a.registry.last.push(...nodes(0, 10_000));
  b.registry.last.push(...nodes(0, 10_000));
  await settle();
  a.registry.last.push();
  await settle();
  assert.equal(merged.snapshot.held.length, 10_000);
});
