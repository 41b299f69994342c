import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { runStep } from "../lib/step.mjs";

const fixture = fileURLToPath(new URL("fixtures/run-job.mjs", import.meta.url));

function start(...args: readonly string[]) {
  return follow(process.execPath, [fixture, ...args]);
}

// "close" comes when the whole family has let go of its standard output.
function follow(command: string, args: readonly string[]) {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(command, args, {
    env: { ...process.env, npm_lifecycle_event: "start" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    lines.push(...text.trim().split("\n"));
  });
  return { child, lines, closed: once(child, "close") as Promise<[number | null]> };
}

async function condition(holds: () => boolean, what: string): Promise<void> {
  const endsAt = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > endsAt) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test.each([
  [["exit", "0"], 0],
  [["exit", "7"], 7],
  [["die"], 128 + 9],
])("ends as its job ends: %s", async (args, expected) => {
  const { closed } = start(...args);
  assert.deepEqual((await closed)[0], expected);
});

test("a Ctrl-C that comes twice reaches the job once", async () => {
  const { child, lines, closed } = start();
  await condition(() => lines.length === 1, "the job");
  child.kill("SIGINT");
  await condition(() => lines.includes("SIGINT"), "the signal");
  child.kill("SIGINT");
  child.kill("SIGHUP");
  // Passed on as soon as it can no longer be taken for the same Ctrl-C.
  await condition(() => lines.includes("SIGTERM") || !child.kill("SIGTERM"), "the next signal");
  await closed;
  assert.deepEqual(lines.slice(1), ["SIGINT", "SIGTERM"]);
});

test("a hang-up ends the job", async () => {
  const { child, lines, closed } = start();
  await condition(() => lines.length === 1, "the job");
  child.kill("SIGHUP");
  assert.equal((await closed)[0], 0);
  assert.deepEqual(lines.slice(1), ["SIGTERM"]);
});

test("a job whose starter was killed ends too", async () => {
  const { child, lines, closed } = start();
  await condition(() => lines.length === 1, "the job");
  child.kill("SIGKILL");
  await closed;
  assert.deepEqual(lines.slice(1), ["SIGTERM"]);
});

test("a job ends when npm above its starter was killed", async () => {
  const { child, lines, closed } = follow("sh", [
    "-c",
    `"$0" "$1" & wait`,
    process.execPath,
    fixture,
  ]);
  await condition(() => lines.length === 1, "the job");
  child.kill("SIGKILL");
  await closed;
  assert.deepEqual(lines.slice(1), ["SIGTERM"]);
});

const here = { cwd: process.cwd(), env: process.env };

test("a step keeps what it printed, on both streams", async () => {
  const script = `console.log("out"); console.error("err"); process.exit(3)`;
  const { ok, output } = await runStep(process.execPath, ["-e", script], here);
  assert.equal(ok, false);
  assert.match(output, /out/);
  assert.match(output, /err/);
});

test("a command that is missing, or takes too long, is a failed step", async () => {
  const missing = await runStep("/nonexistent/tool", [], here);
  assert.equal(missing.ok, false);
  assert.match(missing.output, /ENOENT/);
  const endless = await runStep(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
    ...here,
    deadlineMs: 300,
  });
  assert.equal(endless.ok, false);
  assert.match(endless.output, /stopped after 0\.3 s/);
});
