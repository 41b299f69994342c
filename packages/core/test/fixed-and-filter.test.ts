import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { DiscoveryError } from "../src/error.ts";
import { byMetadata, byVersion, byZone, nodeFilter } from "../src/filter.ts";
import { fixedView } from "../src/fixed.ts";
import { ids, node, nodes } from "./scripted-registry.ts";

describe("fixedView", () => {
  test("is fresh at once and never changes", async () => {
    const view = fixedView("orders", [
      { host: "b", port: 2 },
      { host: "a", port: 1, weight: 0 },
      { host: "c", port: 3, status: "down" },
    ]);
    assert.deepEqual(ids(view.snapshot.all), ["a:1", "b:2", "c:3"]);
    assert.deepEqual(ids(view.nodes), ["b:2"]);
    assert.equal(view.snapshot.state, "fresh");
    assert.equal(view.snapshot.origin, "fixed");
    assert.equal(await view.ready(), view.snapshot);
    assert.equal(view.nodes, view.snapshot.nodes);
    for (const value of [view.snapshot, view.nodes, view.snapshot.all, view.snapshot.held]) {
      assert.ok(Object.isFrozen(value));
    }
  });

  test("ends its iterators when disposed", async () => {
    const view = fixedView("orders", []);
    let count = 0;
    const reading = (async () => {
      for await (const _ of view) count += 1;
    })();
    await new Promise((resolve) => setImmediate(resolve));
    view[Symbol.dispose]();
    view[Symbol.dispose]();
    await reading;
    assert.equal(count, 1);
    await assert.rejects(view.ready(), (error: DiscoveryError) => error.code === "CLOSED");
  });

  test("refuses what breaks the schema, and reports a second node of one id", () => {
    const invalid = (error: DiscoveryError): boolean => error.code === "INVALID";
    assert.throws(() => fixedView("", []), invalid);
    assert.throws(() => fixedView("orders", [{ host: "a", port: 0 }]), invalid);
    const view = fixedView("orders", [
      { host: "a", port: 1, weight: 1 },
      { host: "a", port: 1, weight: 2 },
    ]);
    assert.equal(view.nodes[0]?.weight, 1);
    assert.equal(view.snapshot.rejected.length, 1);
  });
});

describe("filters", () => {
  const mixed = [
    node(1, { zone: "a", metadata: { version: "1", lane: "x" } }),
    node(2, { zone: "b", metadata: { version: "2", lane: "x" } }),
    node(3, { metadata: { version: "2" } }),
  ];

  test("choose", () => {
    assert.deepEqual(ids(byZone("a")(mixed)), ["n1"]);
    assert.deepEqual(ids(byVersion("2")(mixed)), ["n2", "n3"]);
    assert.deepEqual(ids(byMetadata({ version: "2", lane: "x" })(mixed)), ["n2"]);
    assert.deepEqual(ids(byMetadata({})(mixed)), ["n1", "n2", "n3"]);
    assert.deepEqual(ids(byMetadata({ toString: "x" })(mixed)), []);
  });

  test("run once per array and keep the answer's identity while it stays the same", () => {
    let runs = 0;
    const filter = nodeFilter(({ weight }) => {
      runs += 1;
      return weight > 50;
    });
    const before = [...nodes(0, 3), node(3, { weight: 1 })];
    const chosen = filter(before);
    for (let n = 0; n < 10; n += 1) assert.equal(filter(before), chosen);
    assert.equal(runs, 4);
    const after = [...before.slice(0, 3), node(3, { weight: 2 })];
    assert.equal(filter(after), chosen, "another input, the same choice");
    assert.notEqual(filter(after.slice(1)), chosen);
    assert.ok(Object.isFrozen(chosen));
    assert.ok(Object.isFrozen(nodeFilter(() => false)([])));
  });
});
