import assert from "node:assert/strict";

import { defineNode } from "@rollcall/core";
import { describe, test } from "vitest";

import {
  type Outcome,
  type OutlierEjection,
  outlierEjection,
  type OutlierEjectionOptions,
  roundRobin,
} from "../src/index.ts";
import { handClock, type HandClock } from "./algorithms.ts";
import { weighted } from "./nodes.ts";

const five = [1, 1, 1, 1, 1];

class Rig {
  readonly clock: HandClock = handClock();
  readonly balancer: OutlierEjection;
  nodes: ReturnType<typeof weighted>;

  constructor(options: OutlierEjectionOptions = {}, weights: readonly number[] = five) {
    const { monotonicMs } = this.clock;
    this.balancer = outlierEjection(roundRobin(), { monotonicMs, ...options });
    this.nodes = weighted(weights);
  }

  get out(): string {
    return this.balancer.ejected.map(({ id }) => id).join(" ");
  }

  /** Sends requests; `outcomeOf` says how those at each node end. Returns the ids that were picked. */
  send(requests: number, outcomeOf: (id: string) => Outcome = () => "ok"): Set<string> {
    const seen = new Set<string>();
    for (let request = 0; request < requests; request += 1) {
      const picked = this.balancer.pick(this.nodes);
      if (picked === undefined) continue;
      seen.add(picked.node.id);
      picked.done(outcomeOf(picked.node.id), 1);
    }
    return seen;
  }

  fails(bad: string, outcome: Outcome = "tcp_failure"): (id: string) => Outcome {
    return (id) => (bad.split(" ").includes(id) ? outcome : "ok");
  }
}

describe("failures of one kind in a row", () => {
  const kinds = {
    consecutiveHttpFailures: "http_failure",
    consecutiveTcpFailures: "tcp_failure",
    consecutiveTimeouts: "timeout",
  } as const;
  const names = Object.keys(kinds) as (keyof typeof kinds)[];

  test.each(names)("%s counts its own, through failures of other kinds", (name) => {
    const others = Object.values(kinds).filter((kind) => kind !== kinds[name]);
    const rig = new Rig({ consecutiveFailures: 0, [name]: 3 }, [1]);
    const send = (outcome: Outcome): void => void rig.send(1, () => outcome);
    for (const other of [...others, ...others, ...others]) send(other);
    assert.equal(rig.out, "");
    send(kinds[name]);
    send(kinds[name]);
    send("ok");
    for (const outcome of [kinds[name], others[0]!, kinds[name], others[1]!]) send(outcome);
    assert.equal(rig.out, "");
    send(kinds[name]);
    assert.equal(rig.out, "n0");
  });

  test("does not count unless asked for", () => {
    const rig = new Rig({ consecutiveFailures: 0 });
    rig.send(50, rig.fails("n1"));
    assert.equal(rig.out, "");
  });
});

describe("failures in a row", () => {
  test.each(["http_failure", "tcp_failure", "timeout"] as const)(
    "five times %s and the node is out, for 30 s",
    (outcome) => {
      const rig = new Rig();
      rig.send(4 * 5, rig.fails("n1", outcome));
      assert.equal(rig.out, "");
      rig.send(5, rig.fails("n1", outcome));
      assert.equal(rig.out, "n1");
      assert.deepEqual([...rig.send(50)].sort(), ["n0", "n2", "n3", "n4"]);
      rig.clock.nowMs += 29_999;
      assert.equal(rig.send(10).has("n1"), false);
      rig.clock.nowMs += 1;
      assert.equal(rig.out, "");
      assert.equal(rig.send(10).has("n1"), true);
    },
  );

  test("a success in between starts the count anew; a client that leaves does not count", () => {
    const rig = new Rig({ successRateStdevs: 0 });
    let end = 0;
    rig.send(500, (id) => {
      if (id !== "n1") return "ok";
      end += 1;
      return end % 5 === 0 ? "ok" : "timeout";
    });
    assert.equal(rig.out, "");
    rig.send(500, rig.fails("n1", "cancelled"));
    assert.equal(rig.out, "");
    rig.send(4 * 5, rig.fails("n1"));
    rig.send(5, rig.fails("n1", "cancelled"));
    assert.equal(rig.out, "");
    rig.send(5, rig.fails("n1"));
    assert.equal(rig.out, "n1");
  });

  test("each time longer, up to a bound; good behaviour is rewarded", () => {
    const rig = new Rig({ consecutiveFailures: 1, ejectionMs: 10_000, maxEjectionMs: 25_000 });
    const outMs = (): number => {
      rig.send(10, rig.fails("n1"));
      const sinceMs = rig.clock.nowMs;
      while (rig.out === "n1") rig.clock.nowMs += 500;
      return rig.clock.nowMs - sinceMs;
    };
    assert.deepEqual([outMs(), outMs(), outMs(), outMs()], [10_000, 20_000, 25_000, 25_000]);
    // Four ejections less two intervals, and one more.
    rig.clock.nowMs += 29_000;
    assert.equal(outMs(), 25_000);
    rig.clock.nowMs += 1_000_000;
    assert.equal(outMs(), 10_000);
  });

  test("0 turns it off", () => {
    const rig = new Rig({ consecutiveFailures: 0 });
    rig.send(90, rig.fails("n1"));
    assert.equal(rig.out, "");
  });

  test("what ends late, while the node is out or gone, does no harm", () => {
    const rig = new Rig({ consecutiveFailures: 2 });
    const late = Array.from({ length: 20 }, () => rig.balancer.pick(rig.nodes));
    for (const picked of late) if (picked?.node.id === "n1") picked.done("timeout", 1);
    assert.equal(rig.out, "n1");
    rig.nodes = weighted([1, 1]).filter(({ id }) => id !== "n1");
    rig.send(1);
    assert.equal(rig.out, "");
    for (const picked of late) if (picked?.node.id === "n2") picked.done("timeout", 1);
    assert.equal(rig.out, "", "n2 is not in the list any more");
    rig.nodes = weighted([0, 1, 1, 1, 1]);
    rig.send(1);
    for (const picked of late) if (picked?.node.id === "n0") picked.done("timeout", 1);
    assert.equal(rig.out, "", "n0 takes no requests");
  });
});

describe("rate of success", () => {
  /** `n1` fails this share of its requests, evenly; the others fail one in 50. */
  function mixed(rate: number): (id: string) => Outcome {
    const counts = new Map<string, number>();
    return (id) => {
      const count = (counts.get(id) ?? 0) + 1;
      counts.set(id, count);
      const share = id === "n1" ? rate : 0.02;
      return Math.floor(count * share) > Math.floor((count - 1) * share) ? "http_failure" : "ok";
    };
  }

  test("a node that fails more than the others is out at the end of the interval", () => {
    const rig = new Rig({}, [1, 1, 1, 1, 1, 1, 1, 1]);
    const outcome = mixed(0.3);
    rig.send(8 * 150, outcome);
    assert.equal(rig.out, "");
    rig.clock.nowMs += 10_000;
    rig.send(1, outcome);
    assert.equal(rig.out, "n1");
  });

  test.each<[string, OutlierEjectionOptions, number]>([
    ["too few requests", { successRateMinRequests: 200 }, 0.3],
    ["too few nodes", { successRateMinNodes: 9 }, 0.3],
    ["off", { successRateStdevs: 0 }, 0.3],
    ["no worse than the others", {}, 0.02],
  ])("not when there is a reason: %s", (_, options, rate) => {
    const rig = new Rig(options, [1, 1, 1, 1, 1, 1, 1, 1]);
    const outcome = mixed(rate);
    rig.send(8 * 150, outcome);
    rig.clock.nowMs += 10_000;
    rig.send(1, outcome);
    assert.equal(rig.out, "");
  });

  test("each interval is judged by itself", () => {
    const rig = new Rig({}, [1, 1, 1, 1, 1, 1, 1, 1]);
    const outcome = mixed(0.3);
    for (let interval = 0; interval < 5; interval += 1) {
      rig.send(8 * 90, outcome);
      rig.clock.nowMs += 10_000;
      rig.send(1, outcome);
    }
    assert.equal(rig.out, "", "never 100 requests in one interval");
  });
});

describe("bounds", () => {
  test("a tenth of the nodes at most, one at least", () => {
    const rig = new Rig({ consecutiveFailures: 1, successRateStdevs: 0 });
    rig.send(50, () => "timeout");
    assert.equal(rig.balancer.ejected.length, 1);
    const large = new Rig(
      { consecutiveFailures: 1 },
      Array.from({ length: 39 }, () => 1),
    );
    large.send(100, () => "timeout");
    assert.equal(large.balancer.ejected.length, 3);
    const none = new Rig({ consecutiveFailures: 1, maxEjectedShare: 0 });
    none.send(50, () => "timeout");
    assert.equal(none.out, "");
  });

  test("panic: with less than half left, all are used", () => {
    const rig = new Rig({ consecutiveFailures: 1, maxEjectedShare: 1 }, [1, 1, 1, 1]);
    rig.send(8, rig.fails("n0 n1"));
    assert.equal(rig.out, "n0 n1");
    assert.deepEqual([...rig.send(20)].sort(), ["n2", "n3"], "half is left");
    rig.send(4, rig.fails("n2"));
    assert.equal(rig.out, "n0 n1 n2");
    assert.equal(rig.send(20).size, 4);
    rig.clock.nowMs += 1_000_000;
    rig.send(1);
    assert.equal(rig.out, "");
  });

  test.each([0, 0.5, 1])("all bad: all are used, panic threshold %d", (panicThreshold) => {
    const rig = new Rig({ consecutiveFailures: 1, maxEjectedShare: 1, panicThreshold });
    rig.send(50, () => "tcp_failure");
    assert.equal(rig.send(20).size, 5);
  });

  test("one node alone is used whatever it does", () => {
    const rig = new Rig({}, [1]);
    assert.deepEqual([...rig.send(100, () => "timeout")], ["n0"]);
  });

  test("a request that may go nowhere else goes to an ejected node", () => {
    const rig = new Rig({ consecutiveFailures: 1 });
    rig.send(5, rig.fails("n3"));
    const picked = rig.balancer.pick(rig.nodes, undefined, ({ id }) => id !== "n3");
    assert.equal(picked?.node.id, "n3");
    assert.equal(
      rig.balancer.pick(rig.nodes, undefined, () => true),
      undefined,
    );
  });

  test("nodes of lower priority serve before ejected ones", () => {
    const rig = new Rig({ consecutiveFailures: 1, maxEjectedShare: 0.5 });
    rig.nodes = [...weighted([1]), ...weighted([1, 1], { id: "b", priority: -1 }).slice(1)];
    rig.send(1, () => "timeout");
    assert.deepEqual([...rig.send(5)], ["b"]);
  });
});

describe("what is told", () => {
  function telling(
    options: OutlierEjectionOptions = {},
    weights?: readonly number[],
  ): [Rig, string[]] {
    const told: string[] = [];
    const rig = new Rig(
      {
        onEjected: ({ node, cause, forMs }) => told.push(`${node.id} out, ${cause}, ${forMs} ms`),
        onReturned: ({ id }) => told.push(`${id} back`),
        ...options,
      },
      weights,
    );
    return [rig, told];
  }

  test("each ejection with its cause and time, and the return at the first pick after it", () => {
    const [rig, told] = telling({ consecutiveFailures: 2, ejectionMs: 1_000 });
    rig.send(50, rig.fails("n1"));
    assert.deepEqual(told, ["n1 out, failures, 1000 ms"]);
    rig.clock.nowMs += 1_000;
    assert.equal(told.length, 1);
    rig.send(1);
    assert.deepEqual(told.splice(0), ["n1 out, failures, 1000 ms", "n1 back"]);
    rig.send(50, rig.fails("n1"));
    assert.deepEqual(told.splice(0), ["n1 out, failures, 2000 ms"]);
    rig.clock.nowMs += 2_000;
    assert.equal(rig.out, "");
    assert.deepEqual(told, ["n1 back"]);
  });

  test("an ejection by the rate of success, and none that the bounds forbid", () => {
    const [rig, told] = telling({ consecutiveFailures: 0 }, [1, 1, 1, 1, 1, 1, 1, 1]);
    rig.send(8 * 150, rig.fails("n1"));
    rig.clock.nowMs += 10_000;
    rig.send(1);
    assert.deepEqual(told, ["n1 out, success_rate, 30000 ms"]);
    rig.send(8 * 150, rig.fails("n2"));
    rig.clock.nowMs += 10_000;
    rig.send(1);
    assert.equal(told.length, 1);
  });

  test("not of a node that leaves while it is out", () => {
    const [rig, told] = telling({ consecutiveFailures: 1 });
    rig.send(5, rig.fails("n1"));
    rig.nodes = rig.nodes.filter(({ id }) => id !== "n1");
    rig.send(1);
    rig.clock.nowMs += 1_000_000;
    rig.send(1);
    assert.deepEqual(told, ["n1 out, failures, 30000 ms"]);
  });
});

describe("updates", () => {
  test("a node stays out over updates, and is let in when it moved or is gone and back", () => {
    const rig = new Rig({ consecutiveFailures: 1 });
    rig.send(5, rig.fails("n1"));
    rig.nodes = weighted([2, 2, 2, 2, 2]);
    rig.send(1);
    assert.equal(rig.out, "n1");
    rig.nodes = rig.nodes.map((node) =>
      node.id === "n1" ? defineNode({ ...node, port: 999 }) : node,
    );
    rig.send(1);
    assert.equal(rig.out, "");
    rig.send(5, rig.fails("n1"));
    assert.equal(rig.out, "n1");
    rig.nodes = weighted([1, 0, 1, 1, 1]);
    rig.send(1);
    assert.equal(rig.out, "");
  });
});

test("the inner balancer hears how requests end, and sees one object per node", () => {
  const ends: string[] = [];
  const [node] = weighted([1]);
  assert.ok(node !== undefined);
  const inner = {
    node,
    done: (outcome: Outcome, elapsedMs: number): unknown => ends.push(`${outcome} ${elapsedMs}`),
  };
  const balancer = outlierEjection({ pick: () => inner });
  const picked = balancer.pick([node], "key");
  picked?.done("timeout", 12);
  assert.equal(balancer.pick([node]), picked);
  picked?.done("cancelled", 3);
  assert.deepEqual(ends, ["timeout 12", "cancelled 3"]);
});
