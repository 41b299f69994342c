import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { until } from "./until.ts";

const maxLogChars = 64_000;
const stopDeadlineMs = 15_000;

/** What to start, and how to know that it serves. */
export interface ServerProcessOptions {
  /** For errors: "Eureka on port 18761". */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
  /** Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Asked again and again until it holds; a throw is a no. Must have a deadline of its own. */
  readonly isReady: () => Promise<boolean>;
  /** Milliseconds until a server that is not ready is given up. Default 120 000. */
  readonly readyDeadlineMs?: number | undefined;
}

/** A server running as a child process. It never outlives this process. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  /** The last 64 000 characters of what it printed. */
  logTail(): string;
  /** SIGTERM, and after 15 s SIGKILL. Resolves when it has ended; also when it had before. */
  stop(): Promise<void>;
  /** SIGKILL: as a crash. Resolves when it has ended. */
  kill(): Promise<void>;
  /** SIGSTOP: the process keeps its sockets and answers nothing. Resolves when it has really stopped. */
  pause(): Promise<void>;
  /** SIGCONT: ends {@link ServerProcess.pause}. */
  resume(): void;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts a server and waits until it serves.
 *
 * @throws Error with the end of its log when it ends by itself or is not ready in time; it is stopped then.
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const {
    what,
    command,
    args,
    cwd,
    env = process.env,
    isReady,
    readyDeadlineMs = 120_000,
  } = options;
  // Its standard input is a pipe that ends when we do: a sign for servers that look there.
  const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-maxLogChars);
    });
  }
  child.stdin.on("error", () => {});
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      log += error.message;
      running.delete(child);
      resolve();
    });
    child.once("close", () => {
      running.delete(child);
      resolve();
    });
  });
  const server = handle(child, ended, () => log);
  try {
    await until(async () => !running.has(child) || (await isReady()), {
      what: `${what} to be ready`,
      deadlineMs: readyDeadlineMs,
      everyMs: 100,
    });
  } catch (error) {
    await server.kill();
    throw new Error(`${(error as Error).message}; its log ends:\n${log.slice(-4000)}`, {
      cause: error,
    });
  }
  if (!running.has(child)) {
    throw new Error(`${what} ended before it was ready; its log ends:\n${log.slice(-4000)}`);
  }
  return server;
}

function handle(child: ChildProcess, ended: Promise<void>, log: () => string): ServerProcess {
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  const stop = async (): Promise<void> => {
    // A paused process would hear SIGTERM only when it is resumed.
    child.kill("SIGCONT");
    child.kill("SIGTERM");
    const deadline = AbortSignal.timeout(stopDeadlineMs);
    await Promise.race([ended, once(deadline, "abort")]);
    await kill();
  };
  return {
    pid: child.pid ?? 0,
    logTail: log,
    stop,
    kill,
    pause: async () => {
      child.kill("SIGSTOP");
      await until(() => isStopped(child), { what: "the process to stop", everyMs: 10 });
    },
    resume: () => void child.kill("SIGCONT"),
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Whether every thread has stopped: on a busy machine some run on for a while after the signal. Linux shows it; elsewhere
 * the signal has to do.
 */
async function isStopped({ pid, exitCode, signalCode }: ChildProcess): Promise<boolean> {
  const threads = `/proc/${pid}/task`;
  if (exitCode !== null || signalCode !== null || !existsSync(threads)) return true;
  const states = await Promise.all(
    (await readdir(threads)).map(async (id) => {
      const stat = await readFile(`${threads}/${id}/stat`, "utf8");
      // The name in parentheses before the state may hold anything.
      return stat.slice(stat.lastIndexOf(")") + 2)[0];
    }),
  );
  return states.every((state) => state === "T");
}
