/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Tally
 * @typedef {{ name: string, durationMs: number }} TimedTest
 */

/**
 * Counts the tests of vitest's JSON report. Whatever went wrong without failing a test counts as one failure: a
 * file that could not be loaded, an error outside any test, a run that found no test.
 *
 * @param {string | undefined} json the report; `undefined` when vitest left none
 * @param {boolean} exitedWell whether vitest's exit code was 0
 * @returns {{ tally: Tally, tests: TimedTest[], skipped: string[] }} `skipped`: the names of skipped tests
 */
export function readReport(json, exitedWell) {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  /** @type {TimedTest[]} */
  const tests = [];
  /** @type {string[]} */
  const skipped = [];
  for (const file of parse(json)) {
    let failedHere = 0;
    for (const test of file.assertionResults) {
      if (test.status === "passed") tally.passed += 1;
      else if (test.status === "failed") failedHere += 1;
      else {
        tally.skipped += 1;
        skipped.push(test.fullName);
      }
      tests.push({ name: test.fullName, durationMs: test.duration ?? 0 });
    }
    if (file.status === "failed" && failedHere === 0) failedHere = 1;
    tally.failed += failedHere;
  }
  if (tally.failed === 0 && (!exitedWell || tests.length === 0)) tally.failed = 1;
  return { tally, tests, skipped };
}

/**
 * @param {string | undefined} json
 * @returns {{ status: string, assertionResults: { fullName: string, status: string, duration?: number }[] }[]}
 */
function parse(json) {
  try {
    return json === undefined ? [] : (JSON.parse(json)?.testResults ?? []);
  } catch {
    return [];
  }
}

/**
 * @param {readonly TimedTest[]} tests
 * @param {number} count
 * @returns {TimedTest[]} slowest first
 */
export function slowest(tests, count) {
  return [...tests].sort((a, b) => b.durationMs - a.durationMs).slice(0, count);
}
