import assert from "node:assert/strict";

import { allTests } from "./rules/all-tests.ts";
import type { RuleTest } from "./rule.ts";
import { type RuleId, ruleIds } from "./rule-id.ts";
import type { Runner } from "./runner.ts";
import type { Ability, Bed, Subject } from "./subject.ts";
import { TestContext } from "./test-context.ts";

/**
 * Defines the whole suite for one subject: a `describe` with at least one test per rule, each named by
 * its rule (`R4 comes back after an outage longer than its lease`).
 *
 * A rule in `traits.cannot` becomes one test that passes as long as at least one of the rule's tests
 * fails: an exception that is no longer used fails.
 */
export function conformance(runner: Runner, subject: Subject): void {
  const rules = subject.rules ?? ruleIds;
  runner.describe(`conformance of ${subject.name}`, () => {
    runner.test("the subject is as it declares itself", () => checkSubject(subject));
    for (const rule of rules) {
      const tests = allTests.filter(
        (test) => test.rule === rule && (subject.long === true || test.long !== true),
      );
      const exception = subject.traits.cannot[rule];
      if (exception !== undefined) {
        runner.test(`${rule} cannot be kept: ${exception}`, () =>
          expectBroken(rule, tests, subject),
        );
        continue;
      }
      for (const test of tests) define(runner, test, subject);
    }
  });
}

function define(runner: Runner, test: RuleTest, subject: Subject): void {
  const name = `${test.rule} ${test.title}`;
  const missing = lackOf(test, subject);
  if (missing === undefined) {
    runner.test(name, () => runTest(test, subject));
  } else {
    runner.test.skip?.(`${name} (lacks ${missing}: ${subject.lacks?.[missing]})`, async () => {});
  }
}

async function runTest(test: RuleTest, subject: Subject): Promise<void> {
  const context = new TestContext(subject, await subject.open());
  let failure: { readonly error: unknown } | undefined;
  try {
    await test.run(context);
  } catch (error) {
    failure = { error };
  }
  try {
    await context[Symbol.asyncDispose]();
  } catch (error) {
    // What went wrong first says more than what went wrong on the way out.
    failure ??= { error };
  }
  if (failure !== undefined) throw failure.error;
}

/** Passes when one of the rule's tests fails, or when the subject lacks what it takes to run any. */
async function expectBroken(
  rule: RuleId,
  tests: readonly RuleTest[],
  subject: Subject,
): Promise<void> {
  const runnable = tests.filter((test) => lackOf(test, subject) === undefined);
  if (runnable.length === 0) return;
  for (const test of runnable) {
    try {
      await runTest(test, subject);
    } catch {
      return;
    }
  }
  assert.fail(`every test of ${rule} passes: remove ${rule} from traits.cannot`);
}

function lackOf(test: RuleTest, subject: Subject): Ability | undefined {
  return test.needs?.find((ability) => subject.lacks?.[ability] !== undefined);
}

/** What the subject says of itself must be true, or the tests that rely on it prove nothing. */
async function checkSubject(subject: Subject): Promise<void> {
  const { traits, timing, lacks = {} } = subject;
  for (const rule of Object.keys(traits.cannot)) {
    assert.ok(ruleIds.includes(rule as RuleId), `traits.cannot names an unknown rule ${rule}`);
  }
  const context = new TestContext(subject, await subject.open());
  try {
    const registry = context.connect();
    assert.deepEqual(registry.traits, traits, "the registry's traits are not the subject's");
    assert.ok(registry.type.length > 0 && registry.name.length > 0 && registry.identity.length > 0);
    for (const [ability, offered] of Object.entries(offers(context.bed, subject))) {
      const reason = lacks[ability as Ability];
      assert.ok(
        offered !== (reason !== undefined),
        offered
          ? `lacks.${ability} is given, but the bed offers it`
          : `the bed does not offer ${ability}: offer it, or say why not in subject.lacks`,
      );
    }
    if (traits.scope.length > 0) {
      assert.ok(subject.scopes !== undefined, "traits.scope is not empty: give subject.scopes");
    }
    for (const [name, ms] of Object.entries(timing)) {
      assert.ok(ms > 0, `timing.${name} must be above 0`);
    }
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

function offers(bed: Bed, subject: Subject): Record<Ability, boolean> {
  const lacks = subject.lacks ?? {};
  return {
    override: bed.raw.override !== undefined,
    wipe: bed.raw.wipe !== undefined,
    reset: bed.raw.reset !== undefined,
    // Offered by an option of `connect`, so there is nothing to see here but the declaration.
    credentials: lacks.credentials === undefined,
    tokens: subject.timing.tokenMs !== undefined,
    child: subject.child !== undefined,
    link: bed.link !== undefined,
  };
}
