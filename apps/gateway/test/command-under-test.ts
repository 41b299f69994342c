import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

import { until } from "./gateway-under-test.ts";

/** Starting several processes is work for a second, and so for many on a machine that is busy. */
const startMs = 60_000;

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** The built command, running. */
export interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  /** What was logged so far; the end of a line may still be on its way, and that line counts when it is here. */
  readonly lines: () => Record<string, unknown>[];
  exit(): Promise<number | null>;
}

/** Runs the command; it is gone when the test is. */
export function run(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Run {
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { ...process.env, XDG_CACHE_HOME: cwd, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    out: () => out,
    err: () => err,
    lines: () =>
      out
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    exit: () => exited,
  };
}

/** Ports of a command that says it listens. */
export async function started(
  process: Run,
  message = "listening",
): Promise<{ listen: number; admin: number }> {
  const find = (): Record<string, unknown> | undefined =>
    process.lines().findLast(({ msg }) => msg === message);
  await until(() => find() !== undefined || process.child.exitCode !== null, message, startMs);
  const line = find();
  if (line === undefined) throw new Error(`ended: ${process.err()}`);
  const port = (url: unknown): number => Number(new URL(String(url)).port);
  return { listen: port((line["listen"] as unknown[])[0]), admin: port(line["admin"]) };
}
