import assert from "node:assert/strict";

import fc from "fast-check";
import { test } from "vitest";

import { Heap } from "../src/heap.ts";

function firstOf(keys: readonly number[], not?: number): number | undefined {
  return keys
    .map((key, number) => ({ key, number }))
    .filter(({ number }) => number !== not)
    .sort((a, b) => a.key - b.key || a.number - b.number)[0]?.number;
}

test("the first is the one of the smallest key, and of those the smallest", () => {
  const change = fc.record({ which: fc.nat(), by: fc.integer({ min: -9, max: 9 }) });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 40 }),
      fc.array(fc.oneof(change, fc.constant("shift" as const), fc.constant("rebase" as const))),
      (given, steps) => {
        let keys = given;
        const heap = new Heap(keys);
        for (const step of steps) {
          if (step === "rebase") {
            keys = keys.map((key) => key - 3);
            heap.rebase(3);
          } else if (step === "shift") {
            const { first } = heap;
            assert.ok(first !== undefined);
            heap.shift();
            assert.equal(heap.first, firstOf(keys, first));
            heap.push(first);
          } else {
            const which = step.which % keys.length;
            keys = keys.with(which, (keys[which] ?? 0) + step.by);
            heap.keys[which] = keys[which] ?? 0;
            heap.move(which);
          }
          assert.equal(heap.first, firstOf(keys));
        }
      },
    ),
    { seed: 1 },
  );
});
