/**
 * @typedef {import("./vitest-report.mjs").Tally} Tally
 * @typedef {{ registry: string, version?: string, reason?: string }} RegistryLine what the testbed writes of one
 *   registry: the version that was met, or why none was
 */

/**
 * The last line of a run.
 *
 * @param {Tally} tally
 * @returns {string}
 */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * @param {readonly Tally[]} tallies
 * @returns {Tally}
 */
export function sum(tallies) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of tallies) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/**
 * Which registries the tests met, one a line.
 *
 * @param {readonly RegistryLine[]} lines
 * @returns {string[]}
 */
export function registryTable(lines) {
  const width = Math.max(8, ...lines.map((line) => line.registry.length));
  const rows = lines.map((line) => [
    line.registry,
    line.version ?? `NOT MET: ${oneLine(line.reason)}`,
  ]);
  return [["registry", "version met"], ...rows].map(
    ([registry = "", met]) => `${registry.padEnd(width)} | ${met}`,
  );
}

/** @param {string | undefined} text */
function oneLine(text = "no reason given") {
  return text.replaceAll(/\s+/g, " ").trim();
}
