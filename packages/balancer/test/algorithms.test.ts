import assert from "node:assert/strict";

import { defineNode } from "@rollcall/core";
import fc from "fast-check";
import { describe, test } from "vitest";

import { type Balancer, createBalancer, type Picked } from "../src/index.ts";
import { algorithms, byShare, Load } from "./algorithms.ts";
import { weighted } from "./nodes.ts";
import { seeded } from "./random.ts";

function assertNear(shares: readonly number[], tolerance: number, what: string): void {
  for (const share of shares) {
    assert.ok(
      Math.abs(share - 1) <= tolerance,
      `${what}: ${shares.map((one) => one.toFixed(2)).join(" ")}`,
    );
  }
}

describe.each(algorithms)("%s", (name, create) => {
  test.each([[[1, 1, 1]], [[100, 100]], [[3, 2, 1]], [[0.5, 0.25, 0.25]], [[20, 10, 40, 10, 20]]])(
    "shares follow the weights %j",
    (weights) => {
      const nodes = weighted(weights);
      // What is possible with hashing is a matter of the points on the ring.
      const tolerance = name === "chash" ? 0.2 : 0.06;
      const idle = new Load(create()).run(() => nodes, 12_000, 1);
      assertNear(byShare(idle, nodes), tolerance, "one request at a time");
      const busy = new Load(create()).run(() => nodes, 12_000, 300);
      assertNear(byShare(busy, nodes), Math.max(tolerance, 0.1), "300 requests at a time");
      const piling = new Load(create()).run(() => nodes, 3_000, Infinity);
      assertNear(byShare(piling, nodes), Math.max(tolerance, 0.1), "no request ever ends");
    },
  );

  test("few requests in flight: shares stay near the weights", () => {
    const nodes = weighted([4, 2, 1, 1]);
    for (const concurrency of [2, 3, 5, 8]) {
      const ids = new Load(create()).run(() => nodes, 12_000, concurrency);
      assertNear(byShare(ids, nodes), 0.35, `${concurrency} at a time`);
    }
  });

  test("an update before each pick changes no shares: no reset, no burst onto the first", () => {
    for (const concurrency of [1, 40]) {
      const ids = new Load(create()).run(() => weighted([3, 2, 1]), 6_000, concurrency);
      const tolerance = name === "chash" ? 0.2 : 0.12;
      assertNear(byShare(ids, weighted([3, 2, 1])), tolerance, `${concurrency} at a time`);
    }
  });

  test.each([1, 2, 5, 20])("a newcomer among %i busy nodes gets no burst", (count) => {
    const before = weighted(Array.from({ length: count }, () => 100));
    const after = weighted(Array.from({ length: count + 1 }, () => 100));
    for (const perNode of [0.5, 5, 40]) {
      const concurrency = Math.max(1, Math.round(count * perNode));
      const load = new Load(create());
      load.run(() => before, concurrency * 20, concurrency);
      const first = load.run(() => after, 20 * (count + 1), concurrency);
      const [share] = byShare(first, after).slice(-1);
      assert.ok(share !== undefined && share < 2.2, `${perNode} per node: ${share}`);
      const later = load.run(() => after, concurrency * 10 + 2_000, concurrency);
      const [settled] = byShare(later.slice(-2_000), after).slice(-1);
      assert.ok(settled !== undefined && Math.abs(settled - 1) < 0.3, `settles: ${settled}`);
    }
  });

  test("a node that was skipped for long gets no burst when it is back", () => {
    const nodes = weighted([1, 1, 1, 1]);
    const balancer = create();
    let out = true;
    const away: Balancer = {
      pick: (list) => balancer.pick(list, undefined, out ? ({ id }) => id === "n0" : undefined),
    };
    const load = new Load(away);
    assert.equal(load.run(() => nodes, 2_000, 80).indexOf("n0"), -1);
    out = false;
    const [share] = byShare(
      load.run(() => nodes, 40, 80),
      nodes,
    );
    assert.ok(share !== undefined && share <= 2.2, `${share}`);
  });

  test("weight 0 is never chosen, also alone, and comes back without a burst", () => {
    assert.equal(create().pick(weighted([0, 0])), undefined);
    assert.equal(create().pick([]), undefined);
    const load = new Load(create());
    const without = load.run(() => weighted([0, 1, 1]), 500, 60);
    assert.equal(without.indexOf("n0"), -1);
    const nodes = weighted([1, 1, 1]);
    const [share] = byShare(
      load.run(() => nodes, 30, 60),
      nodes,
    );
    assert.ok(share !== undefined && share <= 2.2, `${share}`);
  });

  test("one object per node, with the newest node in it; a node that moved gets a new one", () => {
    const [node] = weighted([1]);
    assert.ok(node !== undefined);
    const balancer = create();
    const picked = balancer.pick([node]);
    assert.equal(picked?.node, node);
    assert.equal(balancer.pick([node]), picked);
    const changed = defineNode({ ...node, weight: 7, metadata: { version: "2" } });
    assert.equal(balancer.pick([changed]), picked);
    assert.equal(picked?.node, changed);
    for (const moved of [{ port: 99 }, { host: "10.0.0.9" }, { secure: true }]) {
      assert.notEqual(balancer.pick([defineNode({ ...changed, ...moved })]), picked);
    }
  });

  test("of two nodes with one id the first counts", () => {
    const [first] = weighted([1]);
    assert.ok(first !== undefined);
    const second = defineNode({ ...first, port: 99 });
    const balancer = create();
    for (let pick = 0; pick < 10; pick += 1) {
      assert.equal(balancer.pick([first, second])?.node, first);
    }
  });

  test("weights at the ends of what a number can be", () => {
    const nodes = weighted([Number.MIN_VALUE, 1, Number.MAX_VALUE, 0]);
    const balancer = create();
    for (let pick = 0; pick < 200; pick += 1) {
      assert.ok((balancer.pick(nodes)?.node.weight ?? 0) > 0);
      const small = balancer.pick(nodes, undefined, ({ weight }) => weight > 0.5);
      assert.equal(small?.node.id, "n0");
    }
    for (const weight of [Number.MIN_VALUE, Number.MAX_VALUE]) {
      const alike = weighted([weight, weight, weight]);
      const other = create();
      for (let pick = 0; pick < 20; pick += 1) {
        assert.notEqual(other.pick(alike, "k"), undefined);
        const last = other.pick(alike, "k", ({ id }) => id !== "n2");
        assert.equal(last?.node.id, "n2");
      }
    }
  });

  test("done more often than picked breaks nothing", () => {
    const nodes = weighted([1, 1, 1]);
    const balancer = create();
    for (let round = 0; round < 300; round += 1) {
      const picked = balancer.pick(nodes);
      for (let times = 0; times < 3; times += 1) picked?.done("ok", 5);
    }
    const ids = Array.from({ length: 300 }, () => balancer.pick(nodes)?.node.id ?? "none");
    for (const share of byShare(ids, nodes)) assert.ok(share > 0.5 && share < 1.5);
  });
});

/** With everything around them, as far as it does not change who may be chosen. */
const wrapped: readonly (readonly [string, () => Balancer])[] = [
  ...algorithms,
  ...(["roundrobin", "least_conn", "chash"] as const).map(
    (type): readonly [string, () => Balancer] => [
      `${type} in all wrappers`,
      () =>
        createBalancer(type, {
          zonePreference: { zone: "a" },
          slowStart: { random: seeded(3), monotonicMs: () => 0 },
          outlierEjection: { maxEjectedShare: 1, consecutiveFailures: 1, monotonicMs: () => 0 },
        }),
    ],
  ),
];

describe.each(wrapped)("%s under any sequence of calls", (name, create) => {
  const entry = fc.record({
    id: fc.nat({ max: 9 }),
    port: fc.constantFrom(80, 81),
    weight: fc.constantFrom(0, 1, 2, 50, 1e6),
    priority: fc.constantFrom(0, 0, 0, -1, 1),
    zone: fc.constantFrom("a", "b"),
  });
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("update" as const),
      list: fc.uniqueArray(entry, { selector: ({ id }) => id, maxLength: 8 }),
    }),
    fc.record({
      kind: fc.constant("pick" as const),
      key: fc.option(fc.string(), { nil: undefined }),
      skipped: fc.array(fc.nat({ max: 9 }), { maxLength: 6 }),
      times: fc.integer({ min: 1, max: 10 }),
    }),
    fc.record({
      kind: fc.constant("done" as const),
      which: fc.nat(),
      outcome: fc.constantFrom("ok", "http_failure", "timeout", "cancelled"),
      elapsedMs: fc.constantFrom(0, 3, 100, Number.NaN, -1, Infinity),
    }),
  );

  test("chooses a node of the list, with weight, not skipped; none only when there is none", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const balancer = create();
        const inFlight: Picked[] = [];
        let nodes = weighted([1, 2]);
        for (const one of steps) {
          if (one.kind === "update") {
            nodes = one.list.map(({ id, ...rest }) =>
              defineNode({ service: "s", host: "10.0.0.1", id: `n${id}`, ...rest }),
            );
          } else if (one.kind === "done") {
            const [picked] = inFlight.splice(one.which % Math.max(1, inFlight.length), 1);
            picked?.done(one.outcome, one.elapsedMs);
          } else {
            const skipped = new Set(one.skipped.map((id) => `n${id}`));
            for (let times = 0; times < one.times; times += 1) {
              const picked = balancer.pick(nodes, one.key, ({ id }) => skipped.has(id));
              const may = nodes.filter(({ id, weight }) => weight > 0 && !skipped.has(id));
              assert.equal(picked === undefined, may.length === 0);
              if (picked === undefined) continue;
              assert.ok(may.includes(picked.node));
              if (!name.includes("wrappers")) {
                const highest = Math.max(...may.map(({ priority }) => priority));
                assert.equal(picked.node.priority, highest);
              }
              inFlight.push(picked);
            }
          }
        }
      }),
      { numRuns: 150, seed: 6 },
    );
  });
});
