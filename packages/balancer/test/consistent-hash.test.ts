import assert from "node:assert/strict";

import { defineNode, type ServiceNode } from "@rollcall/core";
import fc from "fast-check";
import { describe, test } from "vitest";

import { consistentHash } from "../src/index.ts";
import { weighted } from "./nodes.ts";

const keys = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);

/** Where each key belongs. */
function owners(nodes: readonly ServiceNode[], balancer = consistentHash()): string[] {
  return keys.map((key) => balancer.pick(nodes, key)?.node.id ?? "none");
}

function share(ids: readonly string[], id: string): number {
  return ids.filter((one) => one === id).length / ids.length;
}

function without(nodes: readonly ServiceNode[], index: number): ServiceNode[] {
  return nodes.filter((_, at) => at !== index);
}

describe("stability", () => {
  test("a key stays with its node, in every process and whatever the order of the list", () => {
    const nodes = weighted([100, 100, 50, 100]);
    const there = owners(nodes);
    assert.deepEqual(owners(nodes), there);
    assert.deepEqual(owners(nodes.toReversed()), there);
    // These must never change: other gateways, older and newer, send the same keys to the same nodes.
    assert.deepEqual(there.slice(0, 8), ["n0", "n3", "n3", "n0", "n3", "n2", "n3", "n3"]);
  });

  test.each([2, 5, 10, 50])("one of %i nodes goes: its keys move and no others", (count) => {
    const nodes = weighted(Array.from({ length: count }, () => 100));
    const balancer = consistentHash();
    const before = owners(nodes, balancer);
    const gone = `n${count >> 1}`;
    const after = owners(without(nodes, count >> 1), balancer);
    for (const [index, id] of before.entries()) {
      if (id === gone) assert.notEqual(after[index], gone);
      else assert.equal(after[index], id);
    }
    const moved = share(before, gone);
    assert.ok(moved > 0.75 / count && moved < 1.25 / count, `moved ${moved} of 1/${count}`);
    assert.deepEqual(owners(nodes, balancer), before, "and all are back when it is");
  });

  test("the keys of a node that goes are spread over all others", () => {
    const nodes = weighted([1, 1, 1, 1, 1]);
    const before = owners(nodes);
    const after = owners(without(nodes, 0));
    const heirs = after.filter((_, index) => before[index] === "n0");
    for (const id of ["n1", "n2", "n3", "n4"]) {
      assert.ok(Math.abs(share(heirs, id) - 0.25) < 0.15);
    }
  });

  test("also with unequal weights, as long as the mean weight stays in its class", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 32, max: 250 }), { minLength: 2, maxLength: 20 }),
        fc.nat(),
        (weights, at) => {
          const nodes = weighted(weights);
          const gone = at % weights.length;
          const balancer = consistentHash();
          const stay = without(nodes, gone);
          for (const key of keys.slice(0, 300)) {
            const before = balancer.pick(nodes, key)?.node.id;
            if (before === `n${gone}`) continue;
            assert.equal(consistentHash().pick(stay, key)?.node.id, before);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test("what a ring is does not depend on what it was", () => {
    const list = fc.uniqueArray(
      fc.record({ id: fc.nat({ max: 30 }), weight: fc.integer({ min: 0, max: 300 }) }),
      { selector: ({ id }) => id, maxLength: 15 },
    );
    fc.assert(
      fc.property(fc.array(list, { minLength: 2, maxLength: 6 }), (lists) => {
        const living = consistentHash();
        for (const entries of lists) {
          const nodes = entries.map(({ id, weight }) =>
            defineNode({ service: "s", host: "10.0.0.1", port: id + 1, id: `n${id}`, weight }),
          );
          const fresh = consistentHash();
          for (const key of keys.slice(0, 40)) {
            assert.equal(living.pick(nodes, key)?.node.id, fresh.pick(nodes, key)?.node.id);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test("a node that moved to another port keeps its keys", () => {
    const nodes = weighted([1, 1, 1]);
    const before = owners(nodes);
    const moved = nodes.map((node) => defineNode({ ...node, port: node.port + 1000 }));
    assert.deepEqual(owners(moved), before);
  });
});

describe("shares", () => {
  test.each([
    [[1, 1, 1]],
    [[100, 100, 100, 100, 100]],
    [[3, 2, 1]],
    [[100, 50]],
    [[10, 30, 60]],
    [[0.5, 0.25, 0.25]],
    [[1e9, 2e9]],
    [[1, 0, 1]],
  ])("keys follow the weights %j", (weights) => {
    const there = owners(weighted(weights));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of weights.entries()) {
      const fair = weight / total;
      assert.ok(Math.abs(share(there, `n${index}`) - fair) <= 0.2 * fair);
    }
  });

  test("weights that no registry should hold neither hang nor fill the memory", () => {
    for (const weights of [
      [Number.MIN_VALUE, Number.MAX_VALUE, 1],
      [Number.MIN_VALUE, Number.MIN_VALUE],
      [Number.MAX_VALUE, Number.MAX_VALUE],
    ]) {
      assert.notEqual(consistentHash().pick(weighted(weights), "k"), undefined);
    }
  });

  test("without a key requests are spread by weight, also over updates", () => {
    const balancer = consistentHash();
    const ids = Array.from({ length: 6000 }, (_, index) => {
      const key = index % 2 === 0 ? undefined : "";
      return balancer.pick(weighted([3, 2, 1]), key)?.node.id ?? "none";
    });
    assert.ok(Math.abs(share(ids, "n0") - 1 / 2) < 0.08);
    assert.ok(Math.abs(share(ids, "n2") - 1 / 6) < 0.05);
  });
});

describe("skip", () => {
  test("a key whose node is skipped goes where it would go without that node, and comes back", () => {
    const nodes = weighted([2, 1, 1, 3]);
    const balancer = consistentHash();
    const rest = consistentHash();
    for (const key of keys.slice(0, 500)) {
      const home = balancer.pick(nodes, key)?.node;
      assert.ok(home !== undefined);
      const away = balancer.pick(nodes, key, (node) => node === home)?.node;
      assert.equal(away, rest.pick(without(nodes, nodes.indexOf(home)), key)?.node);
      assert.equal(balancer.pick(nodes, key)?.node, home);
    }
  });

  test("each node is asked about once", () => {
    const nodes = weighted([1, 1, 1, 1]);
    const balancer = consistentHash();
    for (let round = 0; round < 3; round += 1) {
      const asked: string[] = [];
      const picked = balancer.pick(nodes, "k", ({ id }) => asked.push(id) > 0);
      assert.equal(picked, undefined);
      assert.deepEqual(asked.sort(), ["n0", "n1", "n2", "n3"]);
    }
  });
});
