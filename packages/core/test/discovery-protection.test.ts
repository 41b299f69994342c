import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { createDiscovery, type DiscoveryOptions } from "../src/discovery.ts";
import { DiscoveryError } from "../src/error.ts";
import type { Snapshot } from "../src/snapshot.ts";
import { manualClock, settle } from "./manual-clock.ts";
import { ids, node, nodes, type ScriptedOptions, scriptedRegistry } from "./scripted-registry.ts";

const down = new DiscoveryError({
  code: "UNAVAILABLE",
  registry: "scripted",
  operation: "call",
  reason: "as told",
});

function brief({ state, nodes: routable, held }: Snapshot): string {
  return `${state} ${routable.length} held ${held.length}`;
}

async function serving(
  count: number,
  options: DiscoveryOptions = {},
  script: ScriptedOptions = {},
) {
  const clock = manualClock();
  const registry = scriptedRegistry(script);
  const discovery = createDiscovery(registry, { clock, random: () => 0.5, ...options });
  const view = discovery.service("orders");
  registry.last.push(...nodes(0, count));
  await settle();
  return { clock, registry, view, [Symbol.asyncDispose]: () => discovery[Symbol.asyncDispose]() };
}

describe("a severe loss", () => {
  test("is held, read at once, and believed when the read says the same", async () => {
    await using served = await serving(10);
    const { clock, registry, view } = served;
    registry.last.push(node(0), node(20));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 11 held 9");
    assert.deepEqual(ids(view.snapshot.held), ids(nodes(1, 10)));
    assert.equal(registry.reads.length, 1, "one read, at once");
    registry.reads[0]?.answer(node(0), node(20));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 2 held 0");
    assert.deepEqual(ids(view.nodes), ["n0", "n20"]);
    await clock.advance(600_000);
    assert.equal(registry.reads.length, 1, "and no more");
    assert.equal(clock.timers, 0);
  });

  test("less is believed without asking", async () => {
    await using served = await serving(10);
    const { registry, view } = served;
    registry.last.push(...nodes(0, 5));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 5 held 0");
    assert.equal(registry.reads.length, 0);
  });

  test("that the read denies is held on, and asked again until both agree", async () => {
    await using served = await serving(10);
    const { clock, registry, view } = served;
    registry.last.push();
    await settle();
    registry.reads[0]?.answer(...nodes(0, 4));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 4 held 4");
    await clock.advance(50);
    assert.equal(registry.reads.length, 2);
    registry.reads[1]?.answer(...nodes(0, 4));
    await clock.advance(100);
    assert.equal(registry.reads.length, 3);
    registry.last.push(...nodes(0, 4));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 4 held 0");
    assert.equal(registry.reads[2]?.signal.aborted, true);
    await clock.advance(600_000);
    assert.equal(registry.reads.length, 3);
    assert.equal(clock.timers, 0);
  });

  test("stays held while reads fail, time out or hang, at a capped pace", async () => {
    await using served = await serving(4, { readTimeoutMs: 1_000, backoff: { capMs: 5_000 } });
    const { clock, registry, view } = served;
    registry.last.push();
    await settle();
    registry.reads[0]?.fail(down);
    await clock.advance(60);
    registry.reads[1]?.fail(new Error("not ours"));
    await clock.advance(600_000);
    assert.equal(brief(view.snapshot), "fresh 4 held 4");
    const reads = registry.reads.length;
    assert.ok(reads > 100 && reads < 1_000, `${reads} reads`);
    registry.reads.at(-1)?.answer();
    await clock.advance(10_000);
    registry.reads.at(-1)?.answer();
    await settle();
    assert.equal(brief(view.snapshot), "fresh 0 held 0");
  });

  test("an answer that comes after the nodes are back changes nothing", async () => {
    await using served = await serving(10, {}, { deaf: true });
    const { registry, view } = served;
    registry.last.push();
    await settle();
    registry.last.push(...nodes(0, 10));
    await settle();
    registry.reads[0]?.answer();
    await settle();
    assert.equal(brief(view.snapshot), "fresh 10 held 0");
  });

  test("that goes on while the read is under way is judged by what it says of each node", async () => {
    await using served = await serving(10);
    const { clock, registry, view } = served;
    registry.last.push(...nodes(0, 3));
    await settle();
    registry.last.push();
    await settle();
    assert.equal(registry.reads.length, 1);
    registry.reads[0]?.answer(...nodes(0, 3));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 3 held 3");
    await clock.advance(50);
    registry.reads[1]?.answer();
    await settle();
    assert.equal(brief(view.snapshot), "fresh 0 held 0");
  });

  test("of drained nodes is none", async () => {
    await using served = await serving(3);
    const { registry, view } = served;
    registry.last.push(...nodes(0, 3, { status: "draining" }));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 0 held 0");
    assert.equal(view.snapshot.all.length, 3);
    registry.last.push();
    await settle();
    assert.equal(brief(view.snapshot), "fresh 0 held 0");
    assert.equal(registry.reads.length, 0);
  });

  test("is served as it comes when protection is off", async () => {
    await using served = await serving(10, { protection: "off" });
    const { registry, view } = served;
    registry.last.push();
    await settle();
    assert.equal(brief(view.snapshot), "fresh 0 held 0");
    registry.last.fail(down);
    await settle();
    assert.equal(registry.reads.length, 0);
  });

  test("additions and updates apply at once while nodes are held", async () => {
    await using served = await serving(10);
    const { registry, view } = served;
    registry.last.push(node(0));
    await settle();
    registry.last.push(node(0, { weight: 7 }), node(30));
    await settle();
    assert.equal(view.nodes.find(({ id }) => id === "n0")?.weight, 7);
    assert.ok(view.nodes.some(({ id }) => id === "n30"));
    assert.equal(view.snapshot.held.length, 9);
    assert.deepEqual(ids(view.nodes), ids(view.nodes).toSorted());
  });
});

describe("after an outage", () => {
  async function wiped(options: DiscoveryOptions = {}) {
    const served = await serving(10, options);
    served.registry.last.fail(down);
    await served.clock.advance(50);
    served.registry.last.push();
    await settle();
    return served;
  }

  test("an empty registry is waited for, then read, then believed", async () => {
    await using served = await wiped();
    const { clock, registry, view } = served;
    assert.equal(brief(view.snapshot), "fresh 10 held 10");
    await clock.advance(29_999);
    assert.equal(registry.reads.length, 0);
    await clock.advance(1);
    assert.equal(registry.reads.length, 1);
    assert.equal(brief(view.snapshot), "fresh 10 held 10");
    registry.reads[0]?.answer();
    await settle();
    assert.equal(brief(view.snapshot), "fresh 0 held 0");
    assert.equal(clock.timers, 0);
  });

  test("registrants that return end the wait", async () => {
    await using served = await wiped();
    const { clock, registry, view } = served;
    for (let back = 1; back <= 10; back += 1) {
      await clock.advance(1_000);
      registry.last.push(...nodes(0, back));
      await settle();
      assert.equal(brief(view.snapshot), `fresh 10 held ${10 - back}`);
    }
    await clock.advance(600_000);
    assert.equal(registry.reads.length, 0);
    assert.equal(clock.timers, 0);
  });

  test("half returned when the time is over: a read decides over the others", async () => {
    await using served = await wiped();
    const { clock, registry, view } = served;
    registry.last.push(...nodes(0, 6));
    await clock.advance(30_000);
    assert.equal(brief(view.snapshot), "fresh 10 held 4");
    registry.reads[0]?.answer(...nodes(0, 7));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 7 held 1");
  });

  test("returnMs as an option: 0 asks at once, more waits longer", async () => {
    await using asked = await wiped({ protection: { returnMs: 0 } });
    assert.equal(asked.registry.reads.length, 1);
    await using waiting = await wiped({ protection: { returnMs: 120_000 } });
    await waiting.clock.advance(119_999);
    assert.equal(waiting.registry.reads.length, 0);
    await waiting.clock.advance(1);
    assert.equal(waiting.registry.reads.length, 1);
  });

  test("the time running out during a second outage starts no read", async () => {
    await using served = await wiped();
    const { clock, registry, view } = served;
    registry.last.fail(down);
    await settle();
    assert.equal(brief(view.snapshot), "stale 10 held 10");
    await clock.advance(60_000);
    registry.last.fail(down);
    await clock.advance(600_000);
    assert.equal(registry.reads.length, 0);
    assert.equal(brief(view.snapshot), "stale 10 held 10");
    registry.last.push(...nodes(0, 10));
    await settle();
    assert.equal(brief(view.snapshot), "fresh 10 held 0");
  });

  test("an outage while verifying stops the read and starts the wait", async () => {
    await using served = await serving(10);
    const { clock, registry, view } = served;
    registry.last.push();
    await settle();
    assert.equal(registry.reads.length, 1);
    registry.last.fail(down);
    await settle();
    assert.equal(registry.reads[0]?.signal.aborted, true);
    assert.equal(brief(view.snapshot), "stale 10 held 10");
    await clock.advance(50);
    registry.last.push();
    await clock.advance(29_000);
    assert.equal(registry.reads.length, 1);
    await clock.advance(1_000);
    assert.equal(registry.reads.length, 2);
  });

  test("however long it was, the true set is served in the end", async () => {
    await using served = await serving(10);
    const { clock, registry, view } = served;
    for (let round = 0; round < 50; round += 1) {
      registry.last.fail(down);
      await clock.advance(30_000);
    }
    assert.equal(brief(view.snapshot), "stale 10 held 0");
    registry.last.push(...nodes(5, 15));
    await settle();
    assert.deepEqual(ids(view.nodes), ids(nodes(5, 15)).toSorted());
    assert.equal(brief(view.snapshot), "fresh 10 held 0");
  });
});
