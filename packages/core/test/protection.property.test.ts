import assert from "node:assert/strict";

import * as fc from "fast-check";
import { test } from "vitest";

import { byId, isRoutable, type NodeStatus, type ServiceNode } from "../src/node.ts";
import { onDue, onSet, onVerified, type Protection, unprotected } from "../src/protection.ts";
import { node } from "./scripted-registry.ts";

type Step =
  | {
      readonly kind: "set";
      readonly members: readonly (readonly [number, NodeStatus, number])[];
      readonly afterOutage: boolean;
    }
  | { readonly kind: "due" }
  | { readonly kind: "verified"; readonly alive: readonly number[] };

const member = fc.tuple(
  fc.nat(11),
  fc.constantFrom<NodeStatus>("up", "up", "up", "up", "draining", "down"),
  fc.constantFrom(100, 100, 100, 0),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      members: fc.uniqueArray(member, { selector: ([n]) => n, maxLength: 12 }),
      afterOutage: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "due" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("verified" as const), alive: fc.array(fc.nat(11)) }),
  },
);
const policies = fc.record({
  windowMs: fc.constantFrom(1, 1_000, 60_000, Infinity),
  returnMs: fc.constantFrom(0, 5_000),
});
const script = fc.array(fc.tuple(fc.constantFrom(0, 1, 50, 900, 30_000, 61_000), step), {
  maxLength: 60,
});

test("whatever the sequence: nobody is dropped unasked, everybody new is served, memory is bounded", () => {
  fc.assert(
    fc.property(policies, script, (policy, steps) => {
      let state: Protection = unprotected;
      let present: readonly ServiceNode[] = [];
      let nowMs = 0;
      for (const [waitMs, one] of steps) {
        nowMs += waitMs;
        const before = state;
        const served = [...present, ...before.held.values()].sort(byId);
        const routableBefore = served.filter(isRoutable);
        const countBefore = present.filter(isRoutable);
        if (one.kind === "due") {
          state = onDue(before);
          assert.deepEqual(state.held, before.held, "time alone lets nobody go");
        } else if (one.kind === "verified") {
          const answered = one.alive.map((n) => node(n));
          state = onVerified(before, answered, present.filter(isRoutable).length, nowMs);
          if (before.phase !== "verifying") assert.equal(state, before);
        } else {
          present = one.members
            .map(([n, status, weight]) => node(n, { status, weight }))
            .sort(byId);
          state = onSet(
            before,
            { atMs: nowMs, present, known: served, afterOutage: one.afterOutage },
            policy,
          );
          const here = new Set(present.map(({ id }) => id));
          const count = present.filter(isRoutable).length;
          const missing = routableBefore.filter(({ id }) => !here.has(id));
          for (const id of state.held.keys()) {
            assert.ok(!here.has(id), "what the registry has is served as the registry has it");
          }
          assert.ok(
            state.held.size === 0 || state.held.size === missing.length,
            "the missing are held all or none",
          );
          if (missing.length > 0 && count === 0) {
            assert.equal(state.held.size, missing.length, "never to zero unasked");
          }
          // Those that are draining, down or at weight 0 were taken out by the registry's own word.
          const answerable = countBefore.filter(({ id }) => !here.has(id)).length;
          const stayed = countBefore.filter(({ id }) =>
            present.some((other) => other.id === id && isRoutable(other)),
          ).length;
          if (answerable > 0 && count * 2 < answerable + stayed) {
            assert.equal(state.held.size, missing.length, "never below half unasked");
          }
          if (policy.returnMs > 0 && one.afterOutage && state.held.size > 0) {
            assert.equal(state.phase, "waiting");
            assert.equal(state.decideAtMs, nowMs + policy.returnMs);
          }
        }
        assert.equal(state.phase === "open", state.held.size === 0, "held exactly while undecided");
        assert.equal(state.decideAtMs !== undefined, state.phase === "waiting");
        assert.ok(state.samples.length <= 14);
        assert.ok(state.held.size <= 12);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("a loss that reads confirm is believed, whatever came before", () => {
  fc.assert(
    fc.property(policies, script, (policy, steps) => {
      let state: Protection = unprotected;
      let present: readonly ServiceNode[] = [];
      let nowMs = 0;
      for (const [waitMs, one] of steps) {
        if (one.kind !== "set") continue;
        nowMs += waitMs;
        const known = [...present, ...state.held.values()].sort(byId);
        present = one.members.map(([n, status, weight]) => node(n, { status, weight })).sort(byId);
        const { afterOutage } = one;
        state = onSet(state, { atMs: nowMs, present, known, afterOutage }, policy);
      }
      const count = present.filter(isRoutable).length;
      state = onVerified(onDue(state), present, count, nowMs);
      assert.equal(state.phase, "open");
      assert.equal(state.held.size, 0);
    }),
  );
});
