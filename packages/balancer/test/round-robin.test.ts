import assert from "node:assert/strict";

import { defineNode, type ServiceNode } from "@rollcall/core";
import fc from "fast-check";
import { describe, test } from "vitest";

import { type Balancer, roundRobin } from "../src/index.ts";
import { weighted } from "./nodes.ts";

function sequence(balancer: Balancer, nodes: readonly ServiceNode[], picks: number): string[] {
  return Array.from({ length: picks }, () => balancer.pick(nodes)?.node.id ?? "none");
}

function tally(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

describe("shares", () => {
  test.each([
    { weights: [3, 2, 1], picks: 12, counts: { n0: 6, n1: 4, n2: 2 } },
    { weights: [3, 0, 1], picks: 12, counts: { n0: 9, n2: 3 } },
    { weights: [1, 1, 1], picks: 12, counts: { n0: 4, n1: 4, n2: 4 } },
    { weights: [100, 100], picks: 10, counts: { n0: 5, n1: 5 } },
    { weights: [0.5, 0.25, 0.25], picks: 8, counts: { n0: 4, n1: 2, n2: 2 } },
    { weights: [2_000_000, 1_000_000], picks: 9, counts: { n0: 6, n1: 3 } },
    { weights: [7], picks: 3, counts: { n0: 3 } },
  ])("weights $weights over $picks picks", ({ weights, picks, counts }) => {
    assert.deepEqual(tally(sequence(roundRobin(), weighted(weights), picks)), counts);
  });

  test("turns are spread: the heavy node does not go first in a row", () => {
    const order = sequence(roundRobin(), weighted([3, 2, 1]), 6);
    assert.deepEqual(order, ["n0", "n1", "n0", "n2", "n1", "n0"]);
  });

  test("nothing to choose", () => {
    assert.equal(roundRobin().pick([]), undefined);
    assert.equal(roundRobin().pick(weighted([0, 0])), undefined);
    assert.equal(
      roundRobin().pick(weighted([1, 2]), undefined, () => true),
      undefined,
    );
  });

  test("every cycle is exact, whatever the weights", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 6 }),
        (weights, cycles) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          fc.pre(total > 0);
          const counts = tally(sequence(roundRobin(), weighted(weights), total * cycles));
          for (const [index, weight] of weights.entries()) {
            assert.equal(counts[`n${index}`] ?? 0, weight * cycles);
          }
        },
      ),
    );
  });

  test("at any moment nobody is a whole turn away from its share", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 1000, noNaN: true }), { minLength: 2, maxLength: 8 }),
        fc.integer({ min: 1, max: 300 }),
        (weights, picks) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const counts = tally(sequence(roundRobin(), weighted(weights), picks));
          for (const [index, weight] of weights.entries()) {
            const fair = (picks * weight) / total;
            assert.ok(Math.abs((counts[`n${index}`] ?? 0) - fair) < weights.length);
          }
        },
      ),
    );
  });
});

describe("updates", () => {
  test("an update does not start over: the first node gets no burst", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 9 }),
        (weights) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const balancer = roundRobin();
          // A new array of equal nodes before each pick: the worst flapping there is.
          const ids = Array.from(
            { length: total * 4 },
            () => balancer.pick(weighted(weights))?.node.id ?? "none",
          );
          const counts = tally(ids);
          for (const [index, weight] of weights.entries()) {
            assert.ok(Math.abs((counts[`n${index}`] ?? 0) - weight * 4) <= 1);
          }
        },
      ),
    );
  });

  test("a newcomer waits for its turn and then gets its share", () => {
    const balancer = roundRobin();
    sequence(balancer, weighted([1, 1]), 5);
    const three = weighted([1, 1, 1]);
    assert.deepEqual(sequence(balancer, three, 6), ["n1", "n0", "n2", "n1", "n0", "n2"]);
  });

  test("a node that moved is a stranger", () => {
    const balancer = roundRobin();
    const [first, second] = weighted([1, 1]);
    assert.ok(first !== undefined && second !== undefined);
    const before = balancer.pick([first, second]);
    const moved = defineNode({ ...first, port: 999 });
    const after = balancer.pick([moved, second]);
    assert.equal(after?.node, second);
    assert.notEqual(balancer.pick([moved, second]), before);
  });

  test("a metadata change reaches the picked object", () => {
    const balancer = roundRobin();
    const [node] = weighted([1]);
    assert.ok(node !== undefined);
    const picked = balancer.pick([node]);
    const changed = defineNode({ ...node, metadata: { version: "2" } });
    assert.equal(balancer.pick([changed]), picked);
    assert.equal(picked?.node.metadata["version"], "2");
  });
});

describe("skip", () => {
  test("retries go to the other nodes", () => {
    const balancer = roundRobin();
    const nodes = weighted([5, 3, 1]);
    for (let request = 0; request < 50; request += 1) {
      const tried = new Set<ServiceNode>();
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const picked = balancer.pick(nodes, undefined, (node) => tried.has(node));
        assert.ok(picked !== undefined && !tried.has(picked.node));
        tried.add(picked.node);
      }
      assert.equal(
        balancer.pick(nodes, undefined, (node) => tried.has(node)),
        undefined,
      );
    }
  });

  test("whatever is skipped, the turns come as a list of all due times would have them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(1, 1, 2, 2, 3, 5, 8), { minLength: 1, maxLength: 10 }),
        fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 8 }), { maxLength: 60 }),
        (weights, skips) => {
          const nodes = weighted(weights);
          const heaviest = Math.max(...weights);
          const due = weights.map((weight) => (0.5 * heaviest) / weight);
          const balancer = roundRobin();
          for (const skipped of skips) {
            const may = weights.map((_, index) => index).filter((one) => !skipped.includes(one));
            const byDue = may.toSorted((a, b) => {
              const difference = (due[a] ?? 0) - (due[b] ?? 0);
              return Math.abs(difference) < 1e-9 ? a - b : difference;
            });
            const [first] = byDue;
            const picked = balancer.pick(nodes, undefined, (node) => {
              return skipped.includes(nodes.indexOf(node));
            });
            assert.equal(picked?.node.id, first === undefined ? undefined : `n${first}`);
            if (first === undefined) continue;
            const now = due[first] ?? 0;
            const isBefore = (one: number): boolean => {
              const difference = (due[one] ?? 0) - now;
              return difference < -1e-9 || (difference < 1e-9 && one < first);
            };
            for (const [index, weight] of weights.entries()) {
              const period = heaviest / weight;
              const passes = index === first || (skipped.includes(index) && isBefore(index));
              const turns = Math.max(1, Math.ceil((now - (due[index] ?? 0)) / period));
              if (passes) due[index] = (due[index] ?? 0) + turns * period;
            }
          }
        },
      ),
      { seed: 3 },
    );
  });

  test.each([[[1, 1, 1]], [[4, 2, 1]]])(
    "a node back from a long absence gets no burst: %j",
    (weights) => {
      const balancer = roundRobin();
      const nodes = weighted(weights);
      for (let pick = 0; pick < 1000; pick += 1) {
        balancer.pick(nodes, undefined, (node) => node.id === "n0");
      }
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = tally(sequence(balancer, nodes, total * 2));
      assert.ok((counts["n0"] ?? 0) <= (weights[0] ?? 0) * 2 + 1);
    },
  );
});

test("the highest priority serves until all of it is skipped", () => {
  const balancer = roundRobin();
  const main = weighted([1, 1]);
  const backup = weighted([1], { id: "backup", priority: -1 });
  const nodes = [...backup, ...main];
  assert.deepEqual(tally(sequence(balancer, nodes, 10)), { n0: 5, n1: 5 });
  const picked = balancer.pick(nodes, undefined, (node) => node.priority === 0);
  assert.equal(picked?.node.id, "backup");
});
