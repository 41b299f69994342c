#!/usr/bin/env node
// run-checks.mjs all|quick|long: every check of the project, one line each, and a closing line that counts them.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checksOf } from "./lib/checks.mjs";
import { closingLine, registryTable, sum } from "./lib/closing.mjs";
import { withPnpm } from "./lib/pnpm.mjs";
import { runStep } from "./lib/step.mjs";
import { readReport, slowest } from "./lib/vitest-report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const nothing = { passed: 0, failed: 0, skipped: 0 };

/** @param {string} text */
const say = (text) => console.log(text);

/** @param {string} file @returns {string | undefined} */
function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** @param {string} name @param {string} verdict @param {number} elapsedMs */
function line(name, verdict, elapsedMs) {
  say(`${name.padEnd(18)} ${verdict.padEnd(6)} ${(elapsedMs / 1000).toFixed(1).padStart(7)} s`);
}

/**
 * @param {import("./lib/checks.mjs").Check} check
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<import("./lib/closing.mjs").Tally>}
 */
async function runCheck(check, env) {
  const { ok, output, elapsedMs } = await runStep(check.command, check.args, { cwd: root, env });
  line(check.name, ok ? "ok" : "FAILED", elapsedMs);
  if (!ok) say(output);
  else if (check.shows) for (const [shown] of output.matchAll(check.shows)) say(`  ${shown}`);
  return { ...nothing, [ok ? "passed" : "failed"]: 1 };
}

/**
 * Tests wait for leases and time limits more than they work, so more files than cores run at a time; fewer of those
 * with real servers, each of which takes up to a gigabyte of memory.
 *
 * @type {Readonly<Record<string, number>>}
 */
const fewestWorkers = { quick: 4, real: 3 };

/** @param {string} project */
function workers(project) {
  const fewest = fewestWorkers[project];
  return fewest === undefined ? [] : [`--maxWorkers=${Math.max(fewest, availableParallelism())}`];
}

/**
 * @param {string} project
 * @param {NodeJS.ProcessEnv} env
 * @param {string} folder
 */
async function runProject(project, env, folder) {
  const file = join(folder, `${project}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { ok, output, elapsedMs } = await runStep(
    "vitest",
    ["run", "--project", project, ...workers(project), ...reporters],
    { cwd: root, env },
  );
  const report = readReport(readIfThere(file), ok);
  line(`tests: ${project}`, report.tally.failed === 0 ? "ok" : "FAILED", elapsedMs);
  if (report.tally.failed > 0) say(output);
  for (const name of report.skipped) say(`  SKIPPED ${name}`);
  return report;
}

/** @param {import("./lib/checks.mjs").Mode} mode */
async function main(mode) {
  const { house, projects, rest } = checksOf(mode, process.env);
  if (!existsSync(join(root, "node_modules/.bin/vitest"))) {
    throw new Error("nothing is installed: run npm test, or pnpm install");
  }
  const folder = mkdtempSync(join(tmpdir(), "rollcall-checks-"));
  try {
    const registriesFile = join(folder, "registries.json");
    const env = {
      ...withPnpm(root, process.env, say),
      ROLLCALL_REGISTRIES_FILE: registriesFile,
    };
    const tallies = [];
    const tests = [];
    for (const check of house) tallies.push(await runCheck(check, env));
    for (const project of projects) {
      const report = await runProject(project, env, folder);
      tallies.push(report.tally);
      tests.push(...report.tests);
    }
    for (const check of rest) tallies.push(await runCheck(check, env));
    say("\nslowest tests");
    for (const { name, durationMs } of slowest(tests, 10)) {
      say(`${(durationMs / 1000).toFixed(1).padStart(7)} s  ${name}`);
    }
    const registries = readIfThere(registriesFile);
    if (registries !== undefined) say(["", ...registryTable(JSON.parse(registries))].join("\n"));
    const total = sum(tallies);
    say(`\n${closingLine(total)}`);
    return total.failed === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const mode = process.argv[2];
if (mode !== "all" && mode !== "quick" && mode !== "long") {
  console.error("usage: run-checks.mjs all|quick|long");
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await main(mode);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    say(closingLine({ ...nothing, failed: 1 }));
    process.exitCode = 1;
  }
}
