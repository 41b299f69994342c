import assert from "node:assert/strict";

import fc from "fast-check";
import { describe, test } from "vitest";

import { AliasTable } from "../src/alias-table.ts";
import { ewma, p2c } from "../src/index.ts";
import { byShare, handClock, Load } from "./algorithms.ts";
import { weighted } from "./nodes.ts";
import { seeded } from "./random.ts";

describe("alias table", () => {
  test("each index has exactly its share of the unit interval", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 }),
        (weights) => {
          const table = new AliasTable(weights);
          const draws = 24_000;
          const counts = weights.map(() => 0);
          for (let at = 0; at < draws; at += 1) {
            const index = table.draw(() => (at + 0.5) / draws);
            counts[index] = (counts[index] ?? 0) + 1;
          }
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (const [index, weight] of weights.entries()) {
            // Each column that ends within a step is off by one draw at most.
            const off = (counts[index] ?? 0) - (draws * weight) / total;
            assert.ok(Math.abs(off) <= weights.length + 1);
          }
        },
      ),
      { seed: 1 },
    );
  });

  test("the last draw there is", () => {
    assert.equal(
      new AliasTable([1]).draw(() => 1 - 2 ** -53),
      0,
    );
    assert.ok(new AliasTable([1e-12, 1, 1e-12]).draw(() => 1 - 2 ** -53) < 3);
  });
});

describe("p2c", () => {
  test("of two nodes the less loaded", () => {
    const balancer = p2c({ random: seeded(1) });
    const nodes = weighted([1, 1]);
    const counts = [0, 0];
    for (let pick = 0; pick < 100; pick += 1) {
      const index = balancer.pick(nodes)?.node.id === "n0" ? 0 : 1;
      counts[index] = (counts[index] ?? 0) + 1;
      assert.ok(Math.abs((counts[0] ?? 0) - (counts[1] ?? 0)) <= 1);
    }
  });

  test("a node that never answers is avoided", () => {
    const balancer = p2c({ random: seeded(2) });
    const nodes = weighted([1, 1, 1, 1, 1]);
    let stuck = 0;
    for (let request = 0; request < 5_000; request += 1) {
      const picked = balancer.pick(nodes);
      if (picked?.node.id === "n0") stuck += 1;
      else picked?.done("ok", 1);
    }
    assert.ok(stuck <= 3, `${stuck}`);
  });

  test("loads stay close, where a single random choice would let them drift apart", () => {
    const nodes = weighted(Array.from({ length: 50 }, () => 1));
    const piled = new Load(p2c({ random: seeded(3) })).run(() => nodes, 5_000, Infinity);
    for (const share of byShare(piled, nodes)) assert.ok(Math.abs(share - 1) < 0.05);
  });

  test("one node of many that is not skipped is found", () => {
    const nodes = weighted(Array.from({ length: 1_000 }, () => 1));
    const balancer = p2c({ random: seeded(4) });
    for (const id of ["n0", "n500", "n999"]) {
      assert.equal(balancer.pick(nodes, undefined, (node) => node.id !== id)?.node.id, id);
    }
    const few = Array.from(
      { length: 3_000 },
      () => balancer.pick(nodes, undefined, ({ id }) => id > "n10")?.node.id,
    );
    // n0, n1, n10 are left.
    for (const id of ["n0", "n1", "n10"]) {
      const share = few.filter((one) => one === id).length / few.length;
      assert.ok(Math.abs(share - 1 / 3) < 0.1);
    }
  });
});

describe("ewma", () => {
  const clock = handClock();

  /** Shares of nodes with these latencies, one request after the other, every 5 ms. */
  function sharesOf(latencies: readonly number[], weights = latencies.map(() => 1)): number[] {
    const nodes = weighted(weights);
    const balancer = ewma({ random: seeded(5), monotonicMs: clock.monotonicMs });
    const ids: string[] = [];
    for (let request = 0; request < 10_000; request += 1) {
      clock.nowMs += 5;
      const picked = balancer.pick(nodes);
      assert.ok(picked !== undefined);
      ids.push(picked.node.id);
      picked.done("ok", latencies[nodes.indexOf(picked.node)] ?? 0);
    }
    return byShare(ids, nodes);
  }

  test("equally fast nodes get their weights", () => {
    for (const share of sharesOf([20, 20, 20], [5, 3, 1])) assert.ok(Math.abs(share - 1) < 0.08);
    for (const share of sharesOf([0, 0])) assert.ok(Math.abs(share - 1) < 0.05);
  });

  test.each([
    { slow: 20, most: 0.55 },
    { slow: 100, most: 0.15 },
    { slow: 1_000, most: 0.05 },
  ])("a node at $slow ms beside one at 10 ms", ({ slow, most }) => {
    const [fast = 0, other = 0] = sharesOf([10, slow]);
    assert.ok(other < most && other > 0, `${other}`);
    assert.ok(fast > 1);
  });

  test("the slow one of many is avoided; a heavy slow one too", () => {
    assert.ok((sharesOf([10, 10, 10, 10, 300])[4] ?? 1) < 0.1);
    assert.ok((sharesOf([10, 10, 300], [1, 1, 8])[2] ?? 1) < 0.3);
  });

  test("latency rises at once and falls slowly", () => {
    const nodes = weighted([1, 1]);
    const balancer = ewma({ random: seeded(6), monotonicMs: clock.monotonicMs });
    const run = (requests: number, slow: number): number => {
      let picks = 0;
      for (let request = 0; request < requests; request += 1) {
        clock.nowMs += 1;
        const picked = balancer.pick(nodes);
        if (picked?.node.id === "n0") picks += 1;
        picked?.done("ok", picked.node.id === "n0" ? slow : 10);
      }
      return picks / requests;
    };
    assert.ok(Math.abs(run(1_000, 10) - 0.5) < 0.1);
    run(50, 1_000);
    assert.ok(run(500, 10) < 0.15, "still remembered after half a second");
    run(60_000, 10);
    assert.ok(Math.abs(run(2_000, 10) - 0.5) < 0.1, "forgotten after a minute");
  });

  test("what was measured fades: after a silence nobody is preferred", () => {
    const nodes = weighted([1, 1]);
    const balancer = ewma({ random: seeded(7), monotonicMs: clock.monotonicMs, decayMs: 1_000 });
    const slowPicks = (requests: number, tell: boolean): number => {
      let picks = 0;
      for (let request = 0; request < requests; request += 1) {
        const picked = balancer.pick(nodes);
        if (picked?.node.id === "n0") picks += 1;
        if (tell) picked?.done("ok", picked.node.id === "n0" ? 500 : 5);
        else picked?.done("cancelled", 0);
      }
      return picks / requests;
    };
    slowPicks(50, true);
    assert.ok(slowPicks(400, false) < 0.1);
    clock.nowMs += 20_000;
    assert.ok(Math.abs(slowPicks(1_000, false) - 0.5) < 0.1);
  });

  test.each(["http_failure", "tcp_failure", "timeout"] as const)(
    "a node that fails fast with %s attracts nothing",
    (outcome) => {
      for (const fresh of [true, false]) {
        const nodes = weighted([1, 1, 1]);
        const balancer = ewma({ random: seeded(8), monotonicMs: clock.monotonicMs });
        const load = new Load(balancer);
        if (!fresh) load.run(() => nodes, 300, 1);
        const ids = load.run(
          () => nodes,
          3_000,
          1,
          ({ id }) => (id === "n0" ? [outcome, 0.5] : ["ok", 20]),
        );
        assert.ok((byShare(ids, nodes)[0] ?? 1) < 0.15, `${fresh}`);
      }
    },
  );

  test("times that cannot be do no lasting harm", () => {
    const nodes = weighted([1, 1]);
    const balancer = ewma({ random: seeded(10), monotonicMs: clock.monotonicMs });
    const load = new Load(balancer);
    load.run(() => nodes, 100, 1);
    for (const elapsedMs of [Infinity, Number.NaN, -1, 1e300]) {
      load.run(
        () => nodes,
        20,
        1,
        () => ["ok", elapsedMs],
      );
    }
    for (let second = 0; second < 1_000; second += 1) {
      clock.nowMs += 1_000;
      load.run(() => nodes, 5, 1);
    }
    for (const share of byShare(
      load.run(() => nodes, 2_000, 1),
      nodes,
    )) {
      assert.ok(Math.abs(share - 1) < 0.1);
    }
  });

  test("clients that leave say nothing about a node, unless they waited long", () => {
    const nodes = weighted([1, 1]);
    const balancer = ewma({ random: seeded(9), monotonicMs: clock.monotonicMs });
    const load = new Load(balancer);
    load.run(() => nodes, 100, 1);
    const left = load.run(
      () => nodes,
      2_000,
      1,
      ({ id }) => (id === "n0" ? ["cancelled", 1] : ["ok", 10]),
    );
    assert.ok(Math.abs((byShare(left, nodes)[0] ?? 0) - 1) < 0.1);
    const waited = load.run(
      () => nodes,
      2_000,
      1,
      ({ id }) => (id === "n0" ? ["cancelled", 5_000] : ["ok", 10]),
    );
    assert.ok((byShare(waited, nodes)[0] ?? 1) < 0.1);
  });
});
