import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { byId, isRoutable, type ServiceNode } from "../src/node.ts";
import {
  onDue,
  onSet,
  onVerified,
  type Protection,
  type ProtectionPolicy,
  unprotected,
} from "../src/protection.ts";
import { node, nodes } from "./scripted-registry.ts";

const policy: ProtectionPolicy = { windowMs: 60_000, returnMs: 30_000 };

/** Plays sets as a cell does: what is known is the last set and what is held. */
class Played {
  state: Protection = unprotected;
  present: readonly ServiceNode[] = [];
  readonly policy: ProtectionPolicy;

  constructor(chosen: ProtectionPolicy = policy) {
    this.policy = chosen;
  }

  get served(): readonly ServiceNode[] {
    return [...this.present, ...this.state.held.values()];
  }

  get summary(): string {
    return `${this.state.phase}, ${this.served.filter(isRoutable).length} served, ${this.state.held.size} held`;
  }

  set(atMs: number, given: readonly ServiceNode[], afterOutage = false): string {
    const known = this.served.toSorted(byId);
    const present = given.toSorted(byId);
    this.state = onSet(this.state, { atMs, present, known, afterOutage }, this.policy);
    this.present = present;
    return this.summary;
  }

  due(): string {
    this.state = onDue(this.state);
    return this.summary;
  }

  verified(atMs: number, answered: readonly ServiceNode[]): string {
    const count = this.present.filter(isRoutable).length;
    this.state = onVerified(this.state, answered, count, atMs);
    return this.summary;
  }
}

describe("how large a loss is held", () => {
  const table: readonly (readonly [before: number, after: number, expected: string])[] = [
    [1, 1, "open, 1 served, 0 held"],
    [1, 0, "verifying, 1 served, 1 held"],
    [2, 1, "open, 1 served, 0 held"],
    [2, 0, "verifying, 2 served, 2 held"],
    [3, 2, "open, 2 served, 0 held"],
    [3, 1, "verifying, 3 served, 2 held"],
    [10, 5, "open, 5 served, 0 held"],
    [10, 4, "verifying, 10 served, 6 held"],
    [10, 0, "verifying, 10 served, 10 held"],
    [0, 0, "open, 0 served, 0 held"],
    [0, 5, "open, 5 served, 0 held"],
    [5, 10, "open, 10 served, 0 held"],
  ];
  for (const [before, after, expected] of table) {
    test(`from ${before} to ${after}`, () => {
      const played = new Played();
      played.set(0, nodes(0, before));
      assert.equal(played.set(1_000, nodes(0, after)), expected);
    });
  }

  test("the first set is taken as it is", () => {
    assert.equal(new Played().set(0, []), "open, 0 served, 0 held");
  });

  test("replaced nodes are no loss", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    assert.equal(played.set(1, nodes(10, 20)), "open, 10 served, 0 held");
  });

  test("new nodes are served beside the held ones", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    assert.equal(played.set(1, nodes(20, 23)), "verifying, 13 served, 10 held");
  });

  test("nodes that turn down, or whose weight turns 0, are not gone and not held", () => {
    const played = new Played();
    played.set(0, nodes(0, 4));
    assert.equal(played.set(1, nodes(0, 4, { status: "down" })), "open, 0 served, 0 held");
    played.set(2, nodes(0, 4));
    assert.equal(played.set(3, nodes(0, 4, { weight: 0 })), "open, 0 served, 0 held");
  });

  test("only routable nodes are held", () => {
    const played = new Played();
    played.set(0, [...nodes(0, 3), ...nodes(3, 6, { status: "down" })]);
    assert.equal(played.set(1, []), "verifying, 3 served, 3 held");
    assert.deepEqual([...played.state.held.keys()], ["n0", "n1", "n2"]);
  });
});

describe("the window", () => {
  test("small losses add up against the peak", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    for (let left = 9; left >= 5; left -= 1) {
      assert.equal(played.set((10 - left) * 1_000, nodes(0, left)), `open, ${left} served, 0 held`);
    }
    assert.equal(played.set(6_000, nodes(0, 4)), "verifying, 5 served, 1 held");
  });

  test("losses further apart than the window do not", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    played.set(61_000, nodes(0, 6));
    assert.equal(played.set(122_001, nodes(0, 3)), "open, 3 served, 0 held");
  });

  test("a peak stays in force until the window began after it", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    played.set(30_000, nodes(0, 6));
    assert.equal(played.set(89_000, nodes(0, 4)), "verifying, 6 served, 2 held");
  });

  test("a calm service keeps its level however long nothing happens", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    assert.equal(played.set(86_400_000, []), "verifying, 10 served, 10 held");
  });

  test("a spike long ago is no peak, though its slot ended lower", () => {
    const played = new Played();
    played.set(0, nodes(0, 100));
    played.set(1, nodes(0, 60));
    assert.equal(played.set(3_600_000, nodes(0, 40)), "open, 40 served, 0 held");
  });

  test("memory is constant, in short and in huge windows", () => {
    for (const windowMs of [1, 1_000, 60_000, 1e15, Infinity]) {
      const played = new Played({ windowMs, returnMs: 0 });
      for (let atMs = 0; atMs < 500_000; atMs += 997) {
        played.set(atMs, nodes(0, 6 + (atMs % 3)));
        assert.ok(played.state.samples.length <= 14, `${played.state.samples.length} samples`);
      }
      assert.equal(played.set(500_001, []).slice(0, 9), "verifying");
    }
  });
});

describe("draining", () => {
  test("nodes seen draining leave without being held", () => {
    const played = new Played();
    played.set(0, nodes(0, 4));
    assert.equal(played.set(1, nodes(0, 4, { status: "draining" })), "open, 0 served, 0 held");
    assert.equal(played.set(2, []), "open, 0 served, 0 held");
  });

  test("one left after the others drained, then lost, is held", () => {
    const played = new Played();
    played.set(0, nodes(0, 3));
    played.set(1, [node(0), ...nodes(1, 3, { status: "draining" })]);
    assert.equal(played.set(2, [node(0)]), "open, 1 served, 0 held");
    assert.equal(played.set(3, []), "verifying, 1 served, 1 held");
  });

  test("half draining and one lost is a loss of one", () => {
    const played = new Played();
    played.set(0, nodes(0, 6));
    played.set(1, [...nodes(0, 3), ...nodes(3, 6, { status: "draining" })]);
    assert.equal(played.set(2, nodes(0, 2)), "open, 2 served, 0 held");
  });

  test("a rolling restart leaves the peak where it was", () => {
    const played = new Played();
    let atMs = 0;
    const all = nodes(0, 10);
    played.set(atMs, all);
    for (let round = 0; round < 5; round += 1) {
      for (let n = 0; n < 10; n += 1) {
        const others = all.filter((_, index) => index !== n);
        played.set((atMs += 100), [...others, node(n, { status: "draining" })]);
        played.set((atMs += 100), others);
        assert.equal(played.set((atMs += 100), all), "open, 10 served, 0 held");
      }
    }
    assert.equal(played.set((atMs += 100), nodes(0, 5)), "open, 5 served, 0 held");
    assert.equal(played.set((atMs += 100), nodes(0, 4)), "verifying, 5 served, 1 held");
  });

  test("draining undone counts the node again", () => {
    const played = new Played();
    played.set(0, nodes(0, 3));
    played.set(1, [node(0), ...nodes(1, 3, { status: "draining" })]);
    played.set(2, nodes(0, 3));
    assert.equal(played.set(3, [node(0)]), "verifying, 3 served, 2 held");
  });

  test("held nodes that come back draining take nothing from those that came meanwhile", () => {
    const played = new Played({ windowMs: 1, returnMs: 5_000 });
    played.set(0, nodes(0, 2));
    assert.equal(played.set(0, [], true), "waiting, 2 served, 2 held");
    assert.equal(played.set(0, [node(2)]), "waiting, 3 served, 2 held");
    const drained = nodes(0, 2, { status: "draining" });
    assert.equal(played.set(0, drained), "waiting, 1 served, 1 held");
  });

  test("nor when some of those stay", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    assert.equal(played.set(1, nodes(10, 14), true), "waiting, 14 served, 10 held");
    const drained = nodes(0, 10, { status: "draining" });
    assert.equal(played.set(2, [node(10), ...drained]), "waiting, 4 served, 3 held");
  });

  test("a held node that comes back draining lets go of itself alone", () => {
    const played = new Played();
    played.set(0, nodes(0, 4));
    played.set(1, []);
    assert.equal(played.set(2, [node(0, { status: "draining" })]), "verifying, 3 served, 3 held");
  });
});

describe("verifying", () => {
  const lost = (): Played => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    played.set(1_000, nodes(0, 2));
    return played;
  };

  test("a read that lacks them as well is believed", () => {
    const played = lost();
    assert.equal(played.verified(1_001, nodes(0, 2)), "open, 2 served, 0 held");
  });

  test("a believed loss is no peak for the next one", () => {
    const played = lost();
    played.verified(1_001, nodes(0, 2));
    assert.equal(played.set(1_002, nodes(0, 1)), "open, 1 served, 0 held");
  });

  test("a read that has some keeps those", () => {
    const played = lost();
    assert.equal(played.verified(1_001, nodes(0, 5)), "verifying, 5 served, 3 held");
    assert.deepEqual([...played.state.held.keys()], ["n2", "n3", "n4"]);
    assert.equal(played.verified(1_002, nodes(0, 2)), "open, 2 served, 0 held");
  });

  test("the watch brings them back", () => {
    const played = lost();
    assert.equal(played.set(2_000, nodes(0, 10)), "open, 10 served, 0 held");
  });

  test("as many others instead end it", () => {
    const played = lost();
    assert.equal(played.set(2_000, [...nodes(0, 2), ...nodes(20, 28)]), "open, 10 served, 0 held");
  });

  test("half of them back makes the rest a loss like any other", () => {
    const played = lost();
    assert.equal(played.set(2_000, nodes(0, 5)), "open, 5 served, 0 held");
  });

  test("further losses are held too, however long it takes", () => {
    const played = lost();
    assert.equal(played.set(600_000, []), "verifying, 10 served, 10 held");
    assert.equal(played.set(6_000_000, []), "verifying, 10 served, 10 held");
  });

  test("answers and due times outside their phase change nothing", () => {
    const open = new Played();
    open.set(0, nodes(0, 3));
    const before = open.state;
    assert.equal(onVerified(before, [], 3, 1), before);
    assert.equal(onDue(before), before);
    const verifying = lost().state;
    assert.equal(onDue(verifying), verifying);
  });
});

describe("after an outage", () => {
  const wiped = (chosen = policy, left = 0): Played => {
    const played = new Played(chosen);
    played.set(0, nodes(0, 10));
    played.set(1_000, nodes(0, left), true);
    return played;
  };

  test("the missing are held for returnMs, then a read decides", () => {
    const played = wiped();
    assert.equal(played.summary, "waiting, 10 served, 10 held");
    assert.equal(played.state.decideAtMs, 31_000);
    assert.equal(onVerified(played.state, [], 0, 2_000), played.state);
    assert.equal(played.due(), "verifying, 10 served, 10 held");
    assert.equal(played.state.decideAtMs, undefined);
    assert.equal(played.verified(31_001, []), "open, 0 served, 0 held");
  });

  test("registrants that return one by one are waited for, past half", () => {
    const played = wiped();
    for (let back = 1; back < 10; back += 1) {
      const held = 10 - back;
      assert.equal(
        played.set(1_000 + back, nodes(0, back)),
        `waiting, 10 served, ${held} held`,
        `${back} back`,
      );
      assert.equal(played.state.decideAtMs, 31_000);
    }
    assert.equal(played.set(2_000, nodes(0, 10)), "open, 10 served, 0 held");
  });

  test("as many registrants under new ids end the wait", () => {
    const played = wiped();
    assert.equal(played.set(2_000, nodes(50, 59)), "waiting, 19 served, 10 held");
    assert.equal(played.set(2_001, nodes(50, 60)), "open, 10 served, 0 held");
  });

  test("a second outage starts the wait anew", () => {
    const played = wiped();
    assert.equal(played.set(20_000, [node(0)], true), "waiting, 10 served, 9 held");
    assert.equal(played.state.decideAtMs, 50_000);
  });

  test("half lost is held, exactly half is believed", () => {
    assert.equal(wiped(policy, 4).summary, "waiting, 10 served, 6 held");
    assert.equal(wiped(policy, 5).summary, "open, 5 served, 0 held");
  });

  test("without a time to return a read decides at once", () => {
    const played = wiped({ windowMs: 60_000, returnMs: 0 });
    assert.equal(played.summary, "verifying, 10 served, 10 held");
  });

  test("an outage while verifying waits as well", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    played.set(1, []);
    assert.equal(played.set(5_000, [], true), "waiting, 10 served, 10 held");
  });

  test("a set as before needs nothing", () => {
    assert.equal(wiped(policy, 10).summary, "open, 10 served, 0 held");
  });

  test("an outage longer than the window still knows the peak of before", () => {
    const played = new Played();
    played.set(0, nodes(0, 10));
    played.set(59_000, nodes(0, 9));
    assert.equal(played.set(7_200_000, [], true), "waiting, 9 served, 9 held");
  });
});
