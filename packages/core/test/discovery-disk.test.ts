import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, test } from "vitest";

import type { DiscoveryEvent } from "../src/channel.ts";
import { createDiscovery, type DiscoveryOptions } from "../src/discovery.ts";
import { DiskStore } from "../src/disk-store.ts";
import { DiscoveryError, type ErrorCode } from "../src/error.ts";
import type { ServiceNode } from "../src/node.ts";
import type { Snapshot } from "../src/snapshot.ts";
import { manualClock, settle } from "./manual-clock.ts";
import { ids, node, nodes, scriptedRegistry } from "./scripted-registry.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

const savedAt = 1_600_000_000_000;

function failure(code: ErrorCode): DiscoveryError {
  return new DiscoveryError({ code, registry: "scripted", operation: "watch", reason: "as told" });
}

function brief({ state, origin, cause, nodes: routable, held }: Snapshot): string {
  const because = cause === undefined ? "" : ` ${cause.code}`;
  return `${state} ${origin} ${routable.length} held ${held.length}${because}`;
}

/** A discovery over a directory that holds `remembered` from last time. */
async function coldStart(remembered?: readonly ServiceNode[], options: DiscoveryOptions = {}) {
  const directory = temporaryDirectory();
  const registry = scriptedRegistry();
  const store = new DiskStore(directory.path, registry);
  if (remembered !== undefined) await store.save({ service: "orders" }, remembered, savedAt);
  const clock = manualClock();
  const snapshotDir = directory.path;
  const discovery = createDiscovery(registry, {
    clock,
    random: () => 0.5,
    snapshotDir,
    ...options,
  });
  const view = discovery.service("orders");
  const onDisk = async (): Promise<string> =>
    ids((await store.load({ service: "orders" }))?.nodes ?? []).join();
  return {
    clock,
    registry,
    view,
    store,
    onDisk,
    discovery,
    async [Symbol.asyncDispose]() {
      await discovery[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
}

/** Lets file reads and writes that are under way come to their end. */
async function disk(condition: () => boolean): Promise<void> {
  await until(condition, "the disk");
}

describe("last time's set is shown", () => {
  test("as soon as the first attempt failed", async () => {
    await using start = await coldStart(nodes(0, 3));
    start.registry.last.fail(failure("UNAVAILABLE"));
    await disk(() => start.view.snapshot.state === "stale");
    assert.equal(brief(start.view.snapshot), "stale disk 3 held 0 UNAVAILABLE");
    assert.equal(start.view.snapshot.staleSince, savedAt);
    assert.equal(start.view.snapshot.changedAt, savedAt);
    const shown = start.view.snapshot;
    await start.clock.advance(60);
    start.registry.last.fail(failure("TIMEOUT"));
    await settle();
    assert.equal(brief(start.view.snapshot), "stale disk 3 held 0 TIMEOUT");
    assert.equal(start.view.snapshot.staleSince, savedAt);
    assert.equal(start.view.nodes, shown.nodes);
  });

  test("after 200 ms without an answer", async () => {
    await using start = await coldStart(nodes(0, 3));
    await start.clock.advance(199);
    assert.equal(brief(start.view.snapshot), "pending none 0 held 0");
    await start.clock.advance(1);
    await disk(() => start.view.snapshot.state === "stale");
    assert.equal(brief(start.view.snapshot), "stale disk 3 held 0");
  });

  test("not when the registry was quicker", async () => {
    await using start = await coldStart(nodes(0, 3));
    start.registry.last.push(node(7));
    await settle();
    await start.clock.advance(1_000);
    await settle();
    assert.equal(brief(start.view.snapshot), "fresh registry 1 held 0");
    assert.equal(start.view.snapshot.sequence, 1);
  });

  test("also to whoever awaits it while the registry refuses us", async () => {
    await using start = await coldStart(nodes(0, 3));
    const waiting = start.view.ready();
    start.registry.last.fail(failure("AUTH"));
    assert.equal(brief(await waiting), "stale disk 3 held 0 AUTH");
  });

  test("and when there is none the refusal is told", async () => {
    await using start = await coldStart();
    const waiting = start.view.ready();
    start.registry.last.fail(failure("AUTH"));
    await assert.rejects(waiting, (error: DiscoveryError) => error.code === "AUTH");
    assert.equal(brief(start.view.snapshot), "pending none 0 held 0 AUTH");
  });

  test("an empty set as well: that is what was known", async () => {
    await using start = await coldStart([]);
    start.registry.last.fail(failure("UNAVAILABLE"));
    await disk(() => start.view.snapshot.state === "stale");
    assert.equal(brief(start.view.snapshot), "stale disk 0 held 0 UNAVAILABLE");
  });
});

describe("when the registry answers in the end", () => {
  test("slowly: it is believed at once, for last time is no recent past", async () => {
    await using start = await coldStart(nodes(0, 10));
    await start.clock.advance(200);
    await disk(() => start.view.snapshot.state === "stale");
    start.registry.last.push(node(3));
    await settle();
    assert.equal(brief(start.view.snapshot), "fresh registry 1 held 0");
    assert.equal(start.registry.reads.length, 0);
  });

  test("after it had failed: nodes it lacks are held as after any outage", async () => {
    await using start = await coldStart(nodes(0, 10));
    start.registry.last.fail(failure("UNAVAILABLE"));
    await disk(() => start.view.snapshot.state === "stale");
    await start.clock.advance(60);
    start.registry.last.push();
    await settle();
    assert.equal(brief(start.view.snapshot), "fresh registry 10 held 10");
    await start.clock.advance(30_000);
    start.registry.reads[0]?.answer();
    await settle();
    assert.equal(brief(start.view.snapshot), "fresh registry 0 held 0");
  });

  test("with the same nodes: they are the same objects, changed when they last did", async () => {
    await using start = await coldStart(nodes(0, 3));
    await start.clock.advance(200);
    await disk(() => start.view.snapshot.state === "stale");
    const { nodes: shown, changedAt } = start.view.snapshot;
    start.registry.last.push(...nodes(0, 3));
    await settle();
    assert.equal(brief(start.view.snapshot), "fresh registry 3 held 0");
    assert.equal(start.view.nodes, shown);
    assert.equal(start.view.snapshot.changedAt, changedAt);
  });
});

describe("what is remembered", () => {
  test("is the newest set, held nodes too, written at once and then at a bounded pace", async () => {
    await using start = await coldStart();
    const { registry, clock, view, onDisk } = start;
    registry.last.push(...nodes(0, 3));
    await settle();
    while ((await onDisk()) !== "n0,n1,n2") await settle();
    // Its write is over once the pause before the next has begun.
    await disk(() => clock.timers === 1);
    for (let n = 4; n < 40; n += 1) {
      registry.last.push(...nodes(0, n));
      await settle();
    }
    assert.equal(await onDisk(), "n0,n1,n2");
    registry.last.push();
    await settle();
    assert.equal(view.snapshot.held.length, 39);
    await clock.advance(250);
    const expected = ids(nodes(0, 39)).toSorted().join();
    while ((await onDisk()) !== expected) await settle();
  });

  test("is complete after dispose, which leaves no timer", async () => {
    await using start = await coldStart();
    for (let n = 1; n < 5; n += 1) {
      start.registry.last.push(...nodes(0, n));
      await settle();
    }
    await start.discovery[Symbol.asyncDispose]();
    assert.equal(await start.onDisk(), "n0,n1,n2,n3");
    assert.equal(start.clock.timers, 0);
  });

  test("is shown again by the next process", async () => {
    await using start = await coldStart();
    start.registry.last.push(...nodes(0, 3));
    await settle();
    await start.discovery[Symbol.asyncDispose]();
    const registry = scriptedRegistry();
    const snapshotDir = join(start.store.fileOf({ service: "orders" }), "..");
    await using discovery = createDiscovery(registry, { snapshotDir });
    const view = discovery.service("orders");
    registry.last.fail(failure("UNAVAILABLE"));
    assert.equal(brief(await view.ready()), "stale disk 3 held 0 UNAVAILABLE");
  });
});

test("trouble with the disk is reported and changes nothing else", async () => {
  const events: DiscoveryEvent[] = [];
  const listen = (event: unknown): void => void events.push(event as DiscoveryEvent);
  subscribe("rollcall:discovery", listen);
  try {
    await using start = await coldStart(nodes(0, 3));
    start.registry.last.push(node(1));
    await settle();
    await start.discovery[Symbol.asyncDispose]();
    writeFileSync(start.store.fileOf({ service: "orders" }), "garbage");
    const snapshotDir = join(start.store.fileOf({ service: "orders" }), "..");
    await using discovery = createDiscovery(start.registry, { snapshotDir, clock: start.clock });
    const view = discovery.service("orders");
    start.registry.last.fail(failure("UNAVAILABLE"));
    await disk(() => events.some(({ kind }) => kind === "disk_failed"));
    const reported = events.find(({ kind }) => kind === "disk_failed");
    assert.equal(reported?.kind === "disk_failed" && reported.error.code, "RECORD");
    await settle();
    assert.equal(brief(view.snapshot), "pending none 0 held 0 UNAVAILABLE");

    events.length = 0;
    const unusable = start.store.fileOf({ service: "orders" });
    await using other = createDiscovery(start.registry, { snapshotDir: unusable });
    const served = other.service("orders");
    start.registry.last.push(node(1), node(2));
    await disk(() => served.nodes.length === 2);
    await disk(() => events.some(({ kind }) => kind === "disk_failed"));
    assert.equal(served.snapshot.state, "fresh");
  } finally {
    unsubscribe("rollcall:discovery", listen);
  }
});
