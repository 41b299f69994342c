import assert from "node:assert/strict";
import { test } from "vitest";
import { readReport, slowest } from "../lib/vitest-report.mjs";

function file(status: string, ...results: readonly [string, string, number?][]) {
  const assertionResults = results.map(([fullName, status, duration]) => ({
    fullName,
    status,
    duration,
  }));
  return { status, assertionResults };
}

const report = (...testResults: readonly object[]): string => JSON.stringify({ testResults });

test("passed, failed and skipped tests are counted", () => {
  const json = report(
    file("failed", ["a", "passed", 5], ["b", "failed", 9]),
    file("passed", ["c", "pending"], ["d", "todo"], ["e", "skipped"]),
  );
  const { tally, tests, skipped } = readReport(json, false);
  assert.deepEqual(tally, { passed: 1, failed: 1, skipped: 3 });
  assert.deepEqual(skipped, ["c", "d", "e"]);
  assert.deepEqual(slowest(tests, 2), [
    { name: "b", durationMs: 9 },
    { name: "a", durationMs: 5 },
  ]);
});

const good = file("passed", ["a", "passed", 1]);

test.each([
  ["no report", undefined, true],
  ["a torn report", report(good).slice(0, -3), false],
  ["a report of something else", "{}", true],
  ["null", "null", true],
  ["no test at all", report(), true],
  ["a file that could not be loaded", report(good, file("failed")), false],
  ["an error outside any test", report(good), false],
])("counts as one failure: %s", (_, json, exitedWell) => {
  assert.equal(readReport(json, exitedWell).tally.failed, 1);
});

test("a good run has none", () => {
  assert.deepEqual(readReport(report(good), true).tally, { passed: 1, failed: 0, skipped: 0 });
});
