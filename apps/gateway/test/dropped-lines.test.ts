import { Agent, request } from "node:http";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { run, started } from "./command-under-test.ts";
import { testDirectory } from "./config-file.ts";
import { send, until } from "./gateway-under-test.ts";

/** Asks on one connection until told to stop; gives how many were answered. */
function asking(port: number, target: string): () => Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let answered = 0;
  const stopping = new AbortController();
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const sent = request({ host: "127.0.0.1", port, path: target, agent }).end();
      const [response] = await once(sent, "response");
      for await (const _ of response) continue;
      answered += 1;
    }
  })();
  const stop = async (): Promise<number> => {
    stopping.abort();
    await loop;
    agent.destroy();
    return answered;
  };
  onTestFinished(() => stopping.abort());
  return stop;
}

test.each([1, 2])(
  "a reader of the log that stands still: lines are dropped, counted and told, requests go on; workers: %d",
  async (workers) => {
    const directory = testDirectory();
    writeFileSync(
      join(directory, "g.yaml"),
      `listen: [{ port: 0 }]\nadmin: { port: 0 }\nsnapshot_dir: off\nworkers: ${workers}\naccess_log: true\nroutes: []\n`,
    );
    const gateway = run(["--config", "g.yaml"], directory);
    const { listen, admin } = await started(gateway);
    const dropped = async (): Promise<number> => {
      const { text } = await send(admin, "/metrics");
      return Number(/^rollcall_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
    };
    expect(await dropped()).toBe(0);
    gateway.child.stdout!.pause();
    const clients = Array.from({ length: 8 }, () => asking(listen, `/${"x".repeat(30_000)}`));
    await until(async () => (await dropped()) > 50, "lines to be dropped", 120_000);
    const counts = await Promise.all(clients.map((stop) => stop()));
    const answered = counts.reduce((sum, count) => sum + count, 0);
    gateway.child.stdout!.resume();
    const told = (): number =>
      gateway
        .lines()
        .filter(({ msg }) => String(msg).startsWith("log lines dropped"))
        .reduce((sum, { dropped: lines }) => sum + Number(lines), 0);
    const written = (): number => gateway.lines().filter(({ msg }) => msg === "request").length;
    await until(() => written() + told() >= answered, "every line to be written or told");
    // A worker that is slow to say what it counted is asked again.
    await until(async () => (await dropped()) === told(), "as many to be counted");
    gateway.child.kill("SIGTERM");
    expect(await gateway.exit()).toBe(0);
    expect(written() + told()).toBe(answered);
  },
  240_000,
);
