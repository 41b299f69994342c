import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { allowedCores } from "../src/proxy/cores.ts";
import type { Sample } from "../src/proxy/load.ts";
import { startPinned } from "../src/proxy/pinned-process.ts";
import { ProcessMeter } from "../src/proxy/process-meter.ts";
import { runSeries } from "../src/proxy/series.ts";
import type { Target } from "../src/proxy/target.ts";

// The benchmark reads /proc and pins with util-linux; elsewhere there is nothing to test.
const onLinux = describe.runIf(process.platform === "linux");

const [core = "0"] = process.platform === "linux" ? allowedCores() : [];
const cores = { proxy: core, load: core };

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "rollcall-bench-test-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function node(what: string, script: string, isReady = async (): Promise<boolean> => true) {
  return startPinned({
    what,
    command: process.execPath,
    args: ["-e", script],
    cores: cores.proxy,
    logFile: join(directory(), "log"),
    isReady,
  });
}

const forever = "setInterval(() => undefined, 1000)";

function isAlive(pid: number): boolean {
  try {
    // An orphan that ended stays a zombie where the first process, as in many a container, collects nobody.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

onLinux("a pinned process", () => {
  it("ends when it is disposed", async () => {
    const started = await node("forever", forever);
    expect(isAlive(started.pid)).toBe(true);
    await started[Symbol.asyncDispose]();
    expect(isAlive(started.pid)).toBe(false);
  });

  it("that ends by itself says why", async () => {
    await expect(node("thrower", 'throw new TypeError("no such port")', never)).rejects.toThrow(
      "thrower ended: TypeError: no such port",
    );
  });

  it("is measured, and ended, with its children", async () => {
    const spin = "while (process.cpuUsage().user < 1e6); setInterval(() => 0, 1000)";
    const spinner = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(spin)}])`;
    const started = await node("parent", `${spinner}; ${forever}`);
    const meter = new ProcessMeter(started.pid, cores.proxy);
    // More than a parent that only waits takes to start; others may want the core too.
    await expect.poll(() => meter.cpuUs(), { timeout: 90_000 }).toBeGreaterThan(1e6);
    expect(meter.residentBytes()).toBeGreaterThan(1_000_000);
    expect(meter.coreBusyUs()).toBeGreaterThan(0);
    const children = readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, "utf8");
    await started[Symbol.asyncDispose]();
    const child = Number.parseInt(children, 10);
    await expect.poll(() => isAlive(child), { timeout: 30_000 }).toBe(false);
  });
});

onLinux("a series", () => {
  const sample: Sample = { residentBytes: 1, errors: 0, foreignShare: 0 };

  it("visits every target in each round, beginning with another one, and stops all", async () => {
    const turns: string[] = [];
    const pids: number[] = [];
    const target = (name: string): Target => ({
      name,
      start: async () => {
        const started = await node(name, forever);
        pids.push(started.pid);
        return started;
      },
    });
    const broken: Target = { name: "broken", start: () => Promise.reject(new Error("no TLS")) };
    const series = await runSeries(
      {
        name: "none",
        title: "nothing",
        compared: "cpuUs",
        startNode: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
        probe: async () => undefined,
        run: async () => sample,
      },
      [target("a"), broken, target("b")],
      {
        rounds: 3,
        seconds: 1,
        cores,
        directory: directory(),
        certificate: { ca: "", cert: "", key: "", both: "" },
        onTurn: (_round, name) => turns.push(name),
      },
    );
    expect(turns).toEqual(["a", "broken", "b", "b", "a", "b", "a"]);
    expect(series.rows).toEqual([
      { target: "a", samples: [sample, sample, sample], notServed: undefined },
      { target: "broken", samples: [], notServed: "no TLS" },
      { target: "b", samples: [sample, sample, sample], notServed: undefined },
    ]);
    expect(pids).toHaveLength(2);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

async function never(): Promise<boolean> {
  return false;
}
