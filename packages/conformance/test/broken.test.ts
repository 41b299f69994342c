import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { type RuleId, ruleIds } from "../src/rule-id.ts";
import { memorySubject } from "../src/memory-subject.ts";
import type { Subject } from "../src/subject.ts";
import { brokenRegistrations } from "./broken/broken-registrations.ts";
import type { BrokenRegistry } from "./broken/broken-registry.ts";
import { brokenWatches } from "./broken/broken-watches.ts";
import { collect, failuresOf } from "./collecting-runner.ts";

const broken: readonly BrokenRegistry[] = [...brokenWatches, ...brokenRegistrations];

// Short, because what is broken is waited for in vain; not so short that what works could come too late.
const timing = { ttlMs: 600, expiryMs: 4_000, propagationMs: 4_000, noticeMs: 2_000 };

describe("the suite can fail", () => {
  test("there is a broken registry for every rule", () => {
    const covered = new Set(broken.map(({ rule }) => rule));
    assert.deepEqual(
      ruleIds.filter((rule) => !covered.has(rule)),
      [],
    );
  });

  for (const { rule, fault, verdict, wrap } of broken) {
    test.concurrent(`${rule} fails a registry that ${fault}`, async () => {
      const failures = await failuresOf(only(rule, memorySubject({ timing, wrap })));
      assert.ok(
        failures.some((failure) => verdict.test(failure)),
        `expected ${String(verdict)}, got: ${failures.join("\n") || "no failure"}`,
      );
    });
  }

  test.concurrent("R11 fails a registry that keeps its process alive", async () => {
    const module = new URL("./broken/leaky-child.ts", import.meta.url).href;
    const subject = { ...memorySubject(), child: { module, export: "leakyRegistry" } };
    const tests = only("R11", subject).filter(({ name }) => name.includes("exits by itself"));
    const [failure] = await failuresOf(tests);
    assert.match(failure ?? "", /active resources are back/);
  });
});

function only(rule: RuleId, subject: Subject): ReturnType<typeof collect> {
  return collect({ ...subject, rules: [rule] }).filter(({ name }) => name.startsWith(`${rule} `));
}
