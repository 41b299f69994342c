import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

import { until } from "@rollcall/testbed";

const stopMs = 5_000;
const readyMs = 60_000;
const logBytes = 10_000;

/** What to start, and where. */
export interface PinnedOptions {
  /** For errors: `nginx`. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Cores, as `taskset` lists them. */
  readonly cores: string;
  /** File that takes what it prints. */
  readonly logFile: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Whether it serves; asked again and again until it holds. */
  readonly isReady: () => Promise<boolean>;
}

/** A server pinned to its cores. It never outlives this process, however that ends. */
export interface PinnedProcess extends AsyncDisposable {
  readonly pid: number;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) signalAll(child, "SIGKILL");
});

/**
 * Starts a server on its cores and waits until it serves.
 *
 * @throws Error with the line it printed about why, when it ends by itself or is not ready within a minute.
 */
export async function startPinned(options: PinnedOptions): Promise<PinnedProcess> {
  const { what, command, args, cores, logFile, env, isReady } = options;
  const log = openSync(logFile, "a");
  // `setpriv` has the kernel end it with us. A group of its own, so that its workers end with it.
  const child = spawn(
    "setpriv",
    ["--pdeathsig", "TERM", "taskset", "-c", cores, command, ...args],
    { stdio: ["ignore", log, log], env: { ...process.env, ...env }, detached: true },
  );
  closeSync(log);
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    for (const event of ["error", "exit"]) {
      child.once(event, () => {
        running.delete(child);
        resolve();
      });
    }
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => signalAll(child, "SIGKILL"), stopMs);
    await ended;
    clearTimeout(kill);
    // What it had started and did not end itself.
    signalAll(child, "SIGKILL");
  };
  try {
    await until(async () => !running.has(child) || (await isReady()), {
      what: `${what} to be ready`,
      deadlineMs: readyMs,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  if (!running.has(child)) throw new Error(`${what} ended: ${reason(logFile)}`);
  return { pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
}

/** The line that says why: a thrown error's message, which Node prints after where it was thrown, or the first. */
function reason(logFile: string): string {
  const lines = readFileSync(logFile, "utf8").slice(0, logBytes).trim().split("\n");
  const line = lines.find((text) => /^\w*Error: /.test(text)) ?? lines[0] ?? "";
  return line.replaceAll(`${dirname(logFile)}/`, "");
}

function signalAll(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
