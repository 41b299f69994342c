import assert from "node:assert/strict";

import * as fc from "fast-check";
import { test } from "vitest";

import { diff } from "../src/diff.ts";
import { foldSet } from "../src/fold.ts";
import { byId, sameNode, type ServiceNode } from "../src/node.ts";
import { ids, node } from "./scripted-registry.ts";

const where = { registry: "scripted", operation: "decode orders" };

test("metadata and weight are updates, another address is another node", () => {
  const before = [node(1), node(2), node(3), node(4), node(5)];
  const after = [
    node(1),
    node(2, { metadata: { a: "b" } }),
    node(3, { weight: 1 }),
    node(4, { port: 81 }),
    node(6),
  ];
  const { added, updated, removed } = diff(before, after);
  assert.deepEqual(ids(added), ["n4", "n6"]);
  assert.deepEqual(updated, [after[1], after[2]]);
  assert.deepEqual(removed, [before[3], before[4]]);
  for (const change of [{ host: "x" }, { secure: true }]) {
    const moved = diff([node(1)], [node(1, change)]);
    assert.deepEqual([moved.added.length, moved.updated.length, moved.removed.length], [1, 0, 1]);
  }
});

const sets = fc
  .uniqueArray(
    fc.record({
      n: fc.nat(20),
      weight: fc.constantFrom(1, 2),
      port: fc.constantFrom(80, 81),
      metadata: fc.constantFrom({}, { a: "1", b: "2" }, { b: "2", a: "1" }, { a: "2" }),
    }),
    { selector: ({ n }) => n },
  )
  .map((list) => list.map(({ n, ...rest }) => node(n, rest)));

test("property: what it says leads from one set to the other, and nothing else does", () => {
  fc.assert(
    fc.property(sets, sets, (before, after) => {
      const { added, updated, removed } = diff(before, after);
      const result = new Map(before.map((one) => [one.id, one]));
      for (const { id } of removed) assert.ok(result.delete(id));
      for (const one of updated) {
        const old = result.get(one.id);
        assert.ok(old && !sameNode(old, one));
        result.set(one.id, one);
      }
      for (const one of added) {
        assert.ok(!result.has(one.id));
        result.set(one.id, one);
      }
      const reached = [...result.values()].sort(byId);
      const wanted = [...after].sort(byId);
      assert.equal(reached.length, wanted.length);
      assert.ok(reached.every((one, index) => sameNode(one, wanted[index] as ServiceNode)));
      assert.deepEqual(diff(after, [...after].toReversed()), {
        added: [],
        updated: [],
        removed: [],
      });
    }),
    { numRuns: 1_000 },
  );
});

test("property: folding sorts, keeps equal objects, and keeps the array when nothing changed", () => {
  fc.assert(
    fc.property(sets, sets, (first, second) => {
      const before = foldSet([], { nodes: first }, where).all;
      const { all } = foldSet(before, { nodes: second }, where);
      assert.deepEqual(ids(all), ids(second).toSorted());
      assert.ok(Object.isFrozen(all));
      const old = new Map(before.map((one) => [one.id, one]));
      for (const one of all) {
        const known = old.get(one.id);
        if (known !== undefined && sameNode(known, one)) assert.equal(one, known);
      }
      const same = all.length === before.length && all.every((one, n) => one === before[n]);
      assert.equal(all === before, same || (all.length === 0 && before.length === 0));
      assert.equal(foldSet(all, { nodes: [...second].toReversed() }, where).all, all);
    }),
    { numRuns: 1_000 },
  );
});
