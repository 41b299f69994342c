#!/usr/bin/env node
// The entry of `npm start` and `npm test` on a machine that has only Node and npm: finds pnpm,
// installs, builds, then runs the job under the project's own Node. Plain Node 20, no dependencies.
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runJob } from "./lib/job.mjs";
import { withPnpm } from "./lib/pnpm.mjs";
import { runStep } from "./lib/step.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
// Any of these means a configuration of the user's own; without them the demo runs.
const gatewayFlags = ["--config", "--routes", "--check", "--print-schema"];

/** @param {readonly string[]} flags */
function entryOfStart(flags) {
  const own = flags.some((flag) => gatewayFlags.includes(flag.split("=", 1)[0] ?? ""));
  return own ? "apps/gateway/dist/main.js" : "apps/demo/dist/main.js";
}

/** @param {string} label @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env */
async function step(label, command, args, env) {
  process.stderr.write(`${label} … `);
  const { ok, output, elapsedMs } = await runStep(command, args, { cwd: root, env });
  process.stderr.write(`${ok ? "ok" : "failed"} ${(elapsedMs / 1000).toFixed(1)} s\n`);
  if (!ok) throw new Error(output.trim() || `${command} failed without a word`);
}

/** @param {string} job @param {string[]} flags @returns {Promise<number>} the exit code */
async function main(job, flags) {
  const env = withPnpm(root, process.env, (text) => process.stderr.write(`${text}\n`));
  await step("dependencies", "pnpm", ["install", "--frozen-lockfile"], env);
  const node = join(root, "node_modules/.bin/node");
  // Its install script may have been refused by the user's configuration.
  if (!statSync(node, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`${node} is missing: allow install scripts (npm config ignore-scripts)`);
  }
  if (job === "test") {
    return runJob(node, [join(root, "scripts/run-checks.mjs"), "all", ...flags], {
      cwd: root,
      env,
    });
  }
  await step("build", "pnpm", ["run", "build"], env);
  // npm moves to the package's folder; relative paths among the flags are meant from where the user is.
  const cwd = (env["npm_lifecycle_event"] && env["INIT_CWD"]) || process.cwd();
  return runJob(node, [join(root, entryOfStart(flags)), ...flags], { cwd, env });
}

const [job, ...flags] = process.argv.slice(2);
if (job !== "start" && job !== "test") {
  process.stderr.write("usage: bootstrap.mjs start|test [flags]\n");
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await main(job, flags);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (job === "test") process.stdout.write("0 passed, 1 failed, 0 skipped\n");
    process.exitCode = 1;
  }
}
