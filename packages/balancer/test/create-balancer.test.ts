import assert from "node:assert/strict";

import { DiscoveryError } from "@rollcall/core";
import { describe, test } from "vitest";

import {
  type BalancerOptions,
  type BalancerType,
  balancerTypes,
  createBalancer,
  type EwmaOptions,
  type P2cOptions,
  type SlowStartOptions,
  type ZonePreferenceOptions,
} from "../src/index.ts";
import { weighted } from "./nodes.ts";

test.each(balancerTypes)("%s, by its name", (type) => {
  assert.equal(createBalancer(type).pick(weighted([1]), "k")?.node.id, "n0");
});

test("nothing is around an algorithm unless it is asked for", () => {
  const nodes = weighted([1, 1]);
  const balancer = createBalancer("roundrobin");
  for (let request = 0; request < 100; request += 1) balancer.pick(nodes)?.done("timeout", 1);
  const ids = Array.from({ length: 4 }, () => balancer.pick(nodes)?.node.id);
  assert.deepEqual(ids, ["n0", "n1", "n0", "n1"]);
});

test("who is ejected and who is warming is seen from outside, whatever is around", () => {
  let nowMs = 0;
  const monotonicMs = (): number => nowMs;
  const all = createBalancer("p2c", {
    outlierEjection: { consecutiveFailures: 1, maxEjectedShare: 1, monotonicMs },
    slowStart: { monotonicMs },
    zonePreference: { zone: "a" },
  });
  all.pick(weighted([1]));
  nowMs += 1;
  const nodes = weighted([1, 1]);
  all.pick(nodes, undefined, ({ id }) => id !== "n0")?.done("timeout", 1);
  assert.deepEqual(all.ejected, [nodes[0]]);
  assert.deepEqual(all.warming, [nodes[1]]);
  const plain = createBalancer("p2c", { zonePreference: { zone: "a" } });
  assert.deepEqual([plain.ejected, plain.warming], [undefined, undefined]);
  const slow = createBalancer("p2c", { slowStart: {} });
  assert.deepEqual([slow.ejected, slow.warming], [undefined, []]);
});

describe("a wrong option is refused with its name, what it must be, and what it is", () => {
  const wrong = (value: unknown): number => value as number;
  test.each<[unknown, BalancerOptions, string]>([
    ["random", {}, 'type must be one of roundrobin, chash, least_conn, ewma, p2c, got "random"'],
    [undefined, {}, "type must be one of roundrobin, chash, least_conn, ewma, p2c, got undefined"],
    [
      "ewma",
      { ewma: { decayMs: 0 } },
      "ewma.decayMs must be a whole number from 1 to 86400000, got 0",
    ],
    [
      "ewma",
      { ewma: { random: wrong(1) as unknown as () => number } },
      "random must be a function, got 1",
    ],
    [
      "p2c",
      { slowStart: { windowMs: 1.5 } },
      "slowStart.windowMs must be a whole number from 1 to 86400000, got 1.5",
    ],
    [
      "p2c",
      { slowStart: { minShare: Number.NaN } },
      "slowStart.minShare must be a number from 0.001 to 1, got NaN",
    ],
    [
      "p2c",
      { zonePreference: { zone: "" } },
      'zonePreference.zone must be a text of 1 to 255 characters, got ""',
    ],
    [
      "p2c",
      { zonePreference: { zone: "a", minNodes: 0 } },
      "zonePreference.minNodes must be a whole number from 1 to 1000000, got 0",
    ],
    [
      "chash",
      { outlierEjection: { consecutiveFailures: wrong("5") } },
      'outlierEjection.consecutiveFailures must be a whole number from 0 to 1000000, got "5"',
    ],
    [
      "chash",
      { outlierEjection: { onEjected: wrong(1) as unknown as () => void } },
      "outlierEjection.onEjected must be a function, got 1",
    ],
    [
      "p2c",
      { outlierEjection: { maxEjectedShare: 1.1 } },
      "outlierEjection.maxEjectedShare must be a number from 0 to 1, got 1.1",
    ],
    [
      "chash",
      { outlierEjection: { ejectionMs: 5_000, maxEjectionMs: 4_000 } },
      "outlierEjection.maxEjectionMs must be at least ejectionMs (5000), got 4000",
    ],
    [
      "chash",
      { outlierEjection: wrong(null) as unknown as Record<string, never> },
      "outlierEjection must be an object, got null",
    ],
    [
      "chash",
      { outlierEjecton: {} } as BalancerOptions,
      "outlierEjecton is not an option; there are ewma, outlierEjection, p2c, slowStart, zonePreference",
    ],
    [
      "ewma",
      { ewma: { decay: 5 } as EwmaOptions },
      "ewma.decay is not an option; there are decayMs, monotonicMs, random",
    ],
    [
      "p2c",
      { p2c: { rng: Math.random } as P2cOptions },
      "p2c.rng is not an option; there are random",
    ],
    [
      "roundrobin",
      { slowStart: { window: 5 } as SlowStartOptions },
      "slowStart.window is not an option; there are aggression, minShare, monotonicMs, random, windowMs",
    ],
    [
      "roundrobin",
      { zonePreference: { zone: "a", "min\nNodes": 2 } as ZonePreferenceOptions },
      'zonePreference."min\\nNodes" is not an option; there are minNodes, zone',
    ],
  ])("%s %j", (type, options, reason) => {
    assert.throws(
      () => createBalancer(type as BalancerType, options),
      (thrown) => {
        assert.ok(thrown instanceof DiscoveryError);
        assert.equal(thrown.code, "INVALID");
        assert.equal(thrown.message, `balancer: read options failed: ${reason}`);
        return true;
      },
    );
  });

  test("a long ejection needs no second option", () => {
    createBalancer("p2c", { outlierEjection: { ejectionMs: 600_000 } });
  });
});
