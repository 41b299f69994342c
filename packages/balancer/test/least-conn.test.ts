import assert from "node:assert/strict";

import fc from "fast-check";
import { describe, test } from "vitest";

import { leastConn, type Picked } from "../src/index.ts";
import { byShare, Load } from "./algorithms.ts";
import { weighted } from "./nodes.ts";

function ids(picked: readonly (Picked | undefined)[]): string {
  return picked.map((one) => one?.node.id ?? "none").join(" ");
}

describe("the fewest requests for its weight", () => {
  test("ties go round, the heaviest first", () => {
    const balancer = leastConn();
    const nodes = weighted([1, 2, 1]);
    const picked = Array.from({ length: 8 }, () => balancer.pick(nodes));
    assert.equal(ids(picked), "n1 n0 n2 n1 n1 n0 n2 n1");
  });

  test("idle, it is smooth weighted round robin", () => {
    const balancer = leastConn();
    const nodes = weighted([3, 2, 1]);
    const picked = Array.from({ length: 12 }, () => {
      const one = balancer.pick(nodes);
      one?.done("ok", 1);
      return one;
    });
    assert.equal(ids(picked), "n0 n1 n0 n2 n1 n0 n0 n1 n0 n2 n1 n0");
  });

  test("who is done first is next", () => {
    const balancer = leastConn();
    const nodes = weighted([1, 1, 1]);
    const picked = Array.from({ length: 6 }, () => balancer.pick(nodes));
    assert.equal(ids(picked), "n0 n1 n2 n0 n1 n2");
    picked[4]?.done("ok", 1);
    assert.equal(balancer.pick(nodes)?.node.id, "n1");
    picked[3]?.done("timeout", 1);
    picked[0]?.done("cancelled", 1);
    assert.equal(ids([balancer.pick(nodes), balancer.pick(nodes)]), "n0 n0");
  });

  test("a node that never answers gets no more than it can hold", () => {
    const balancer = leastConn();
    const nodes = weighted([1, 1, 1]);
    let stuck = 0;
    for (let request = 0; request < 3_000; request += 1) {
      const picked = balancer.pick(nodes);
      if (picked?.node.id === "n0") stuck += 1;
      else picked?.done("ok", 1);
    }
    assert.equal(stuck, 1);
  });

  const call = fc.oneof(
    { weight: 3, arbitrary: fc.constant(-1) },
    { weight: 2, arbitrary: fc.nat({ max: 1_000 }) },
  );

  test("with equal weights nobody with fewer is ever passed over", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(call, { minLength: 20, maxLength: 200 }),
        (count, calls) => {
          const nodes = weighted(Array.from({ length: count }, () => 5));
          const balancer = leastConn();
          const inFlight: Picked[] = [];
          const counts = new Map(nodes.map(({ id }) => [id, 0]));
          for (const one of calls) {
            const [ended] = one < 0 ? [] : inFlight.splice(one % Math.max(1, inFlight.length), 1);
            if (ended !== undefined) {
              counts.set(ended.node.id, (counts.get(ended.node.id) ?? 0) - 1);
              ended.done("ok", 1);
              continue;
            }
            const least = Math.min(...counts.values());
            const picked = balancer.pick(nodes);
            assert.ok(picked !== undefined);
            assert.equal(counts.get(picked.node.id), least);
            counts.set(picked.node.id, least + 1);
            inFlight.push(picked);
          }
        },
      ),
      { seed: 1 },
    );
  });

  test("with any weights nobody is passed over who would be less loaded with one more request", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 }),
        fc.array(call, { minLength: 20, maxLength: 200 }),
        (weights, calls) => {
          const nodes = weighted(weights);
          const balancer = leastConn();
          const inFlight: Picked[] = [];
          const counts = new Map(nodes.map((node) => [node, 0]));
          for (const one of calls) {
            const [ended] = one < 0 ? [] : inFlight.splice(one % Math.max(1, inFlight.length), 1);
            if (ended !== undefined) {
              counts.set(ended.node, (counts.get(ended.node) ?? 0) - 1);
              ended.done("ok", 1);
              continue;
            }
            const picked = balancer.pick(nodes);
            assert.ok(picked !== undefined);
            const load = (counts.get(picked.node) ?? 0) / picked.node.weight;
            for (const [node, count] of counts) assert.ok(load <= (count + 1) / node.weight + 1e-9);
            counts.set(picked.node, (counts.get(picked.node) ?? 0) + 1);
            inFlight.push(picked);
          }
        },
      ),
      { seed: 2 },
    );
  });
});

describe("updates", () => {
  test("requests in flight are remembered, also by a node that was at weight 0 meanwhile", () => {
    const balancer = leastConn();
    const first = Array.from({ length: 4 }, () => balancer.pick(weighted([1, 1])));
    first[0]?.done("ok", 1);
    first[2]?.done("ok", 1);
    assert.equal(ids(first), "n0 n1 n0 n1");
    balancer.pick(weighted([1, 0]))?.done("ok", 1);
    // n1 has two in flight still.
    assert.equal(ids([balancer.pick(weighted([1, 1])), balancer.pick(weighted([1, 1]))]), "n0 n0");
  });

  test("a node that moved has nothing in flight, and what it had ends nowhere else", () => {
    const balancer = leastConn();
    const picked = Array.from({ length: 20 }, () => balancer.pick(weighted([1, 1])));
    const moved = weighted([1, 1], { host: "10.0.0.2" });
    for (const one of picked) {
      balancer.pick(moved);
      one?.done("ok", 1);
    }
    const ended = new Load(balancer).run(() => moved, 100, 10);
    for (const share of byShare(ended, moved)) assert.ok(Math.abs(share - 1) < 0.2);
  });

  test("one busy node and 99 new ones: the busy one is relieved", () => {
    const balancer = leastConn();
    const one = weighted([1]);
    const all = weighted(Array.from({ length: 100 }, () => 1));
    const load = new Load(balancer);
    load.run(() => one, 500, 100);
    const later = load.run(() => all, 400, 100);
    assert.ok((byShare(later, all)[0] ?? 0) < 4);
    const settled = load.run(() => all, 5_000, 100);
    for (const share of byShare(settled, all)) assert.ok(share > 0.5 && share < 2);
  });

  test("virtual time starts anew without a trace", () => {
    const balancer = leastConn();
    const nodes = weighted([1e9, 1]);
    const light = Array.from({ length: 20 }, () =>
      balancer.pick(nodes, undefined, ({ id }) => id === "n0"),
    );
    assert.equal(light.length, 20);
    for (const picked of light) picked?.done("ok", 1);
    const later = new Load(balancer).run(() => nodes, 2_000, 5);
    assert.ok(later.filter((id) => id === "n0").length > 1_900);
  });
});

describe("skip", () => {
  test("the next best takes it", () => {
    const balancer = leastConn();
    const nodes = weighted([1, 1, 1]);
    const picked = Array.from({ length: 5 }, () => balancer.pick(nodes));
    assert.equal(ids(picked), "n0 n1 n2 n0 n1");
    assert.equal(balancer.pick(nodes, undefined, ({ id }) => id === "n2")?.node.id, "n0");
    assert.equal(balancer.pick(nodes)?.node.id, "n2");
  });

  test("when all are skipped nothing changes", () => {
    const balancer = leastConn();
    const nodes = weighted([1, 1, 1]);
    for (let pick = 0; pick < 30; pick += 1) {
      assert.equal(
        balancer.pick(nodes, undefined, () => true),
        undefined,
      );
      assert.equal(balancer.pick(nodes)?.node.id, `n${pick % 3}`);
    }
  });
});
