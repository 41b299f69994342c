import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";

import { onTestFinished } from "vitest";

import type { WorkerStatus } from "../src/front.ts";
import { type Run, run, started } from "./command-under-test.ts";
import { testDirectory } from "./config-file.ts";
import { send, until } from "./gateway-under-test.ts";

/** The command with worker processes. */
export interface WorkersUnderTest extends Run {
  readonly listen: number;
  readonly admin: number;
  /** Where the configuration file is. */
  readonly directory: string;
  /** Replaces the configuration file. */
  readonly write: (text: string, listen?: string) => void;
  /** Replaces the configuration file, has it read, and waits until it is applied. */
  readonly reload: (text: string, listen?: string) => Promise<void>;
  readonly workers: () => Promise<readonly WorkerStatus[]>;
  /** Waits until that many serve, and gives their process ids. */
  readonly serving: (count: number) => Promise<readonly number[]>;
  /** Value of a metric, summed over its labels. */
  readonly metric: (name: string) => Promise<number>;
  /** Waits until that value is so much: a worker that is slow to answer has what it counted in a later one. */
  readonly metricIs: (name: string, value: number) => Promise<void>;
}

const head = `admin: { port: 0 }
snapshot_dir: off
`;

/**
 * @param text  Configuration without its listeners.
 * @param ports  Its listeners.
 * @param files  Written beside the configuration, by name.
 */
export async function workersUnderTest(
  text: string,
  ports?: string,
  files: Readonly<Record<string, string>> = {},
): Promise<WorkersUnderTest> {
  const directory = testDirectory();
  const file = join(directory, "g.yaml");
  const write = (next: string, listeners = "listen: [{ port: 0 }]"): void =>
    writeFileSync(file, `${listeners}\n${head}${next}`);
  write(text, ports);
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(directory, name), content);
  const command = run(["--config", "g.yaml"], directory);
  const { listen, admin } = await started(command);
  const workers = async (): Promise<readonly WorkerStatus[]> =>
    (await send(admin, "/v1/status")).json().workers ?? [];
  const all = await workers();
  const metric = async (name: string): Promise<number> => {
    const { text: page } = await send(admin, "/metrics");
    const lines = page.split("\n").filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  const applied = 'rollcall_config_reloads_total{result="applied"}';
  onTestFinished(async () => {
    const now = await workers().catch(() => all);
    command.child.kill("SIGKILL");
    // They end by themselves; a test that ends early must not wait for what it left running.
    for (const { pid } of [...all, ...now]) kill(pid, "SIGKILL");
  });
  return {
    ...command,
    listen,
    admin,
    directory,
    write,
    async reload(next, listeners) {
      const before = await metric(applied);
      write(next, listeners);
      command.child.kill("SIGHUP");
      await until(async () => (await metric(applied)) > before, "the reload");
    },
    workers,
    async serving(count) {
      let found: readonly number[] = [];
      await until(async () => {
        const serving = (await workers()).filter(({ state }) => state === "serving");
        found = serving.map(({ pid }) => pid);
        return found.length === count;
      }, `${count} workers to serve`);
      return found;
    },
    metric,
    metricIs: async (name, value) => {
      let last: number | undefined;
      await until(
        async () => (last = await metric(name)) === value,
        () => `${name} to be ${value}, not ${last}`,
      );
    },
  };
}

/** Sends a signal; a process that is no more is fine. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Whether a process runs; one that ended and was not yet waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/**
 * Connections that a process holds and whose own port, or whose peer's with `remote`, is `port`: the ports at the
 * other end, as Linux tells.
 */
export function connectionsOf(
  pid: number,
  port: number,
  end: "local" | "remote" = "local",
): ReadonlySet<number> {
  const own = socketsOf(pid).filter(({ state }) => state === "established");
  const [near, far] =
    end === "local" ? (["local", "remote"] as const) : (["remote", "local"] as const);
  return new Set(own.filter((one) => one[near] === port).map((one) => one[far]));
}

/** Whether a process listens on a port itself. */
export function listensOn(pid: number, port: number): boolean {
  return socketsOf(pid).some(({ state, local }) => state === "listening" && local === port);
}

interface TcpSocket {
  readonly state: "established" | "listening";
  readonly local: number;
  readonly remote: number;
}

function socketsOf(pid: number): readonly TcpSocket[] {
  const inodes = new Set<string>();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed meanwhile.
    }
  }
  const portOf = (address: string): number => Number.parseInt(address.split(":").at(-1)!, 16);
  const lines = ["tcp", "tcp6"].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, "utf8").trim().split("\n").slice(1),
  );
  return lines.flatMap((line): readonly TcpSocket[] => {
    const [, local = "", remote = "", code, , , , , , inode = ""] = line.trim().split(/\s+/);
    if (!inodes.has(inode) || (code !== "01" && code !== "0A")) return [];
    const state = code === "01" ? "established" : "listening";
    return [{ state, local: portOf(local), remote: portOf(remote) }];
  });
}

/** One client: a connection that sends one request after the other, and another one when it broke. */
export interface Client {
  /** Local port of the connection now. */
  readonly port: () => number | undefined;
  readonly answered: () => number;
  /** What did not get its answer: on which connection, by local port, and the error code. */
  readonly failures: readonly { readonly port: number | undefined; readonly why: string }[];
  readonly statuses: ReadonlySet<number>;
  /** Finishes the request that is on its way. */
  stop(): Promise<void>;
}

/**
 * @param keepAlive  Whether requests share a connection.
 * @param tls  How TLS is spoken; default: not at all.
 */
export function client(
  port: number,
  path: string,
  keepAlive = true,
  tls?: ConnectionOptions,
): Client {
  const agent =
    tls === undefined
      ? new Agent({ keepAlive, maxSockets: 1 })
      : new SecureAgent({ ...tls, keepAlive, maxSockets: 1 });
  const failures: { port: number | undefined; why: string }[] = [];
  const statuses = new Set<number>();
  let current: number | undefined;
  let answered = 0;
  const stopping = new AbortController();
  const one = async (): Promise<void> => {
    const options = { host: "127.0.0.1", port, path, agent };
    const sent = tls === undefined ? request(options) : secureRequest(options);
    sent.on("socket", (socket) => {
      const note = (): void => void (current = socket.localPort);
      if (socket.connecting) socket.once("connect", note);
      else note();
    });
    // What goes wrong after the head is the answer's error, and the request's once more.
    sent.on("error", () => undefined).end();
    try {
      const [response] = await once(sent, "response");
      for await (const _ of response) continue;
      statuses.add(response.statusCode);
      answered += 1;
    } catch (error) {
      failures.push({ port: current, why: (error as NodeJS.ErrnoException).code ?? "unknown" });
    }
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await one();
      await new Promise((resolve) => setImmediate(resolve));
    }
    agent.destroy();
  })();
  const stop = (): Promise<void> => {
    stopping.abort();
    return loop;
  };
  onTestFinished(() => stopping.abort());
  return { port: () => current, answered: () => answered, failures, statuses, stop };
}
