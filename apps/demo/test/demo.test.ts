import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

import { freePort } from "@rollcall/testbed";
import { describe, onTestFinished, test } from "vitest";

import { parseOptions, UsageError } from "../src/options.ts";

const script = fileURLToPath(new URL("../dist/main.js", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  output(): string;
}

function run(args: readonly string[]): Run {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "close").then(([code]) => code as number | null);
  return { child, exited, output: () => text };
}

async function until(
  condition: () => boolean | Promise<boolean>,
  what: () => string,
): Promise<void> {
  // More than the demo itself waits for its nodes.
  const giveUpAtMs = performance.now() + 40_000;
  while (!(await condition())) {
    if (performance.now() > giveUpAtMs) assert.fail(`waited too long for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("the demo", () => {
  test("routes to nodes that registered, survives a kill, takes a newcomer, leaves nothing", async () => {
    const [port, admin, eureka] = [await freePort(), await freePort(), await freePort()];
    const demo = run([`--port=${port}`, `--admin-port=${admin}`, `--eureka-port=${eureka}`]);
    await until(
      () => demo.output().includes("Ctrl-C stops"),
      () => demo.output(),
    );
    const base = `http://127.0.0.1:${port}`;
    const nodeOf = async (
      path: string,
    ): Promise<{ port: number; url: string; service: string }> => {
      const response = await fetch(base + path);
      assert.equal(response.status, 200);
      return (await response.json()) as { port: number; url: string; service: string };
    };
    const first = await nodeOf("/user/hello?x=1");
    const second = await nodeOf("/user/hello?x=1");
    assert.notEqual(first.port, second.port);
    assert.equal(first.url, "/user/hello?x=1");
    assert.deepEqual(await nodeOf("/a/test").then(({ service, url }) => [service, url]), [
      "A-SERVICE",
      "/test",
    ]);
    assert.deepEqual(await nodeOf("/b/test").then(({ service, url }) => [service, url]), [
      "B-SERVICE",
      "/test",
    ]);

    const users = async (): Promise<number> => {
      const dump = await fetch(`http://127.0.0.1:${admin}/v1/discovery/eureka/dump`);
      const { services } = (await dump.json()) as {
        services: Record<string, { nodes: unknown[] }>;
      };
      return services["USER-SERVICE"]?.nodes.length ?? 0;
    };
    const victim = Number(/kill -9 (\d+)/.exec(demo.output())?.[1]);
    process.kill(victim, "SIGKILL");
    // Each of these is answered: the dead node is still listed at first, and tried in vain.
    await until(
      async () => {
        await nodeOf("/user/x");
        return (await users()) === 1;
      },
      () => "the dead node to be gone",
    );
    const newcomer = spawn(
      process.execPath,
      [
        fileURLToPath(new URL("../dist/provider.js", import.meta.url)),
        "USER-SERVICE",
        `--eureka-port=${eureka}`,
      ],
      { stdio: "ignore" },
    );
    onTestFinished(() => void newcomer.kill("SIGKILL"));
    const seen = new Set<number>();
    await until(
      async () => {
        seen.add((await nodeOf("/user/x")).port);
        return seen.size === 2;
      },
      () => "the newcomer to take traffic",
    );
    const left = once(newcomer, "exit");
    newcomer.kill("SIGTERM");
    assert.deepEqual(await left, [0, null]);

    demo.child.kill("SIGINT");
    assert.equal(await demo.exited, 0);
    const pids = [...demo.output().matchAll(/pid (\d+) ended/g)].map((match) => Number(match[1]));
    assert.equal(pids.length, 4);
    assert.deepEqual(pids.filter(isAlive), []);
  }, 240_000);

  test("a port that is taken is named together with its flag", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void holder.close());
    await once(holder, "listening");
    const taken = (holder.address() as { port: number }).port;
    const [admin, eureka] = [await freePort(), await freePort()];
    const demo = run([`--port=${taken}`, `--admin-port=${admin}`, `--eureka-port=${eureka}`]);
    assert.equal(await demo.exited, 1);
    assert.equal(
      demo.output(),
      `port ${taken} on 127.0.0.1 is taken: choose another with --port\n`,
    );
  });
});

describe("flags", () => {
  test("defaults", () => {
    assert.deepEqual(parseOptions([]), { port: 9080, adminPort: 9090, eurekaPort: 8761 });
    assert.equal(parseOptions(["--help"]), "help");
  });

  test.each([
    [["--port", "0"], /--port must be a port from 1 to 65535, got "0"/],
    [["--port", "99999"], /--port .* got "99999"/],
    [["--admin-port", "x"], /--admin-port .* got "x"/],
    [["--port", "9090"], /--port and --admin-port are both 9090/],
    [["--prot", "1"], /--prot/],
    [["extra"], /extra/],
  ])("%j", (args, message) => {
    assert.throws(
      () => parseOptions(args),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
});
