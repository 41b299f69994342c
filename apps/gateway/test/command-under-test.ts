import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

import { until } from "./gateway-under-test.ts";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** The built command, running. */
export interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly lines: () => Record<string, unknown>[];
  /** The same without the last one, which may still be on its way. */
  readonly whole: () => Record<string, unknown>[];
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
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const parsed = (text: string): Record<string, unknown>[] =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    out: () => out,
    err: () => err,
    lines: () => parsed(out),
    whole: () => parsed(out.slice(0, out.lastIndexOf("\n") + 1)),
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
  await until(() => find() !== undefined || process.child.exitCode !== null, message);
  const line = find();
  if (line === undefined) throw new Error(`ended: ${process.err()}`);
  const port = (url: unknown): number => Number(new URL(String(url)).port);
  return { listen: port((line["listen"] as unknown[])[0]), admin: port(line["admin"]) };
}
