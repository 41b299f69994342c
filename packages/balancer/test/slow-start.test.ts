import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { type Balancer, slowStart, type SlowStartOptions } from "../src/index.ts";
import { algorithms, byShare, handClock, Load } from "./algorithms.ts";
import { weighted } from "./nodes.ts";
import { seeded } from "./random.ts";

const clock = handClock();

function starting(inner: Balancer, options: SlowStartOptions = {}): Balancer {
  return slowStart(inner, { random: seeded(11), monotonicMs: clock.monotonicMs, ...options });
}

const four = weighted([1, 1, 1, 1]);
const five = weighted([1, 1, 1, 1, 1]);

describe.each(algorithms)("around %s", (name, create) => {
  test("a new node gets little at first, then more, then its share", () => {
    for (const concurrency of [1, 20]) {
      const load = new Load(starting(create()));
      const newcomer = (): number =>
        byShare(
          load.run(() => five, 6_000, concurrency),
          five,
        )[4] ?? 0;
      load.run(() => four, 1_000, concurrency);
      const shares = [newcomer()];
      clock.nowMs += 15_000;
      shares.push(newcomer());
      clock.nowMs += 15_000;
      shares.push(newcomer());
      const told = `${concurrency} at a time: ${shares.map((share) => share.toFixed(2)).join(" ")}`;
      const [atFirst = 0, halfWay = 0, atLast = 0] = shares;
      assert.ok(atFirst > 0.03 && atFirst < 0.25, told);
      assert.ok(halfWay > 0.3 && halfWay < 0.85, told);
      assert.ok(Math.abs(atLast - 1) < (name === "chash" ? 0.25 : 0.15), told);
    }
  });
});

function shareAfter(ageMs: number, options: SlowStartOptions): number {
  const [, create] = algorithms[0] ?? [];
  assert.ok(create !== undefined);
  const load = new Load(starting(create(), options));
  load.run(() => four, 100, 1);
  load.run(() => five, 1, 1);
  clock.nowMs += ageMs;
  return (
    byShare(
      load.run(() => five, 5_000, 1),
      five,
    )[4] ?? 0
  );
}

test.each<[number, SlowStartOptions, number]>([
  [0, {}, 0.1],
  [0, { minShare: 0.5 }, 0.5],
  [2_500, { windowMs: 10_000 }, 0.25],
  [2_500, { windowMs: 10_000, aggression: 2 }, 0.5],
  [2_500, { windowMs: 10_000, aggression: 0.5, minShare: 0.001 }, 0.0625],
  [10_000, { windowMs: 10_000 }, 1],
])("after %i ms, %j: %d of its weight", (ageMs, options, part) => {
  // As if its weight were that part: of 4 + part in all.
  assert.ok(Math.abs(shareAfter(ageMs, options) - (5 * part) / (4 + part)) < 0.05);
});

test("warming lists who is new, until the time is over or they leave", () => {
  const [, create] = algorithms[0] ?? [];
  assert.ok(create !== undefined);
  const balancer = slowStart(create(), { monotonicMs: clock.monotonicMs, windowMs: 1_000 });
  const warming = (): string => balancer.warming.map(({ id }) => id).join(" ");
  balancer.pick(weighted([1, 1]));
  assert.equal(warming(), "");
  balancer.pick(weighted([1, 1, 1]));
  clock.nowMs += 500;
  balancer.pick(four);
  assert.equal(warming(), "n2 n3");
  clock.nowMs += 499;
  assert.equal(warming(), "n2 n3");
  clock.nowMs += 1;
  assert.equal(warming(), "n3");
  balancer.pick(weighted([1, 1, 1, 0]));
  assert.equal(warming(), "");
  balancer.pick(four);
  clock.nowMs += 500;
  assert.equal(warming(), "");
});

describe("who starts slowly", () => {
  function firstShare(lists: readonly ReturnType<typeof weighted>[]): number {
    const [, create] = algorithms[0] ?? [];
    assert.ok(create !== undefined);
    const load = new Load(starting(create()));
    for (const list of lists.slice(0, -1)) load.run(() => list, 10, 1);
    const last = lists.at(-1) ?? [];
    const shares = byShare(
      load.run(() => last, 1_000, 1),
      last,
    );
    return shares.at(-1) ?? 0;
  }

  test("nobody in the first list, and nobody in one that replaces all", () => {
    assert.ok(Math.abs(firstShare([five]) - 1) < 0.05);
    assert.ok(Math.abs(firstShare([[], five]) - 1) < 0.05);
    const others = weighted([1, 1, 1], { host: "10.0.0.2" });
    assert.ok(Math.abs(firstShare([weighted([1, 1, 1]), others]) - 1) < 0.05);
  });

  test("who comes, who moved, and who had weight 0", () => {
    assert.ok(firstShare([four, five]) < 0.3);
    const moved = [...four, ...weighted([1, 1, 1, 1, 1], { host: "10.0.0.2" }).slice(4)];
    assert.ok(firstShare([five, moved]) < 0.3);
    assert.ok(firstShare([weighted([1, 1, 1, 1, 0]), five]) < 0.3);
  });

  test("the first of its priority starts at once", () => {
    const backup = weighted([1, 1, 1, 1, 1], { priority: 5 }).slice(4);
    assert.ok(firstShare([four, [...four, ...backup]]) > 4.9);
  });

  test("a request that may go nowhere else is not refused", () => {
    const [, create] = algorithms[0] ?? [];
    assert.ok(create !== undefined);
    const balancer = starting(create());
    balancer.pick(four);
    for (let pick = 0; pick < 50; pick += 1) {
      const picked = balancer.pick(five, undefined, ({ id }) => id !== "n4");
      assert.equal(picked?.node.id, "n4");
    }
  });
});
