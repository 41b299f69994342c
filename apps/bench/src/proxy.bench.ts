/**
 * The gateway, its engine, nginx, HAProxy and the proxies of npm under the same loads, in one run.
 *
 *     pnpm bench proxy
 *     pnpm bench proxy --only small --targets nginx,gateway --rounds 5
 *     pnpm bench proxy --gate
 */
import { constants } from "node:os";

import { allLoads, allTargets, targetsOf } from "./proxy/catalogue.ts";
import { takeCores } from "./proxy/cores.ts";
import { gateBlocks, gateRounds, judge } from "./proxy/gate.ts";
import { goalLines } from "./proxy/goals.ts";
import type { Load } from "./proxy/load.ts";
import { small } from "./proxy/loads/throughput.ts";
import { type Command, parseCommand, usage } from "./proxy/options.ts";
import { ResultsFile } from "./proxy/results.ts";
import { runSeries, type Series } from "./proxy/series.ts";
import { baseline, tableOf } from "./proxy/table.ts";
import { provide, type Tool } from "./proxy/tool.ts";
import { WorkingDirectory } from "./proxy/working-directory.ts";

const names = [allLoads, allTargets].map((list) => list.map(({ name }) => name)) as [
  string[],
  string[],
];
const command = parseCommand(process.argv.slice(2), ...names);

// Leaving by `exit` has everything that was started stopped on the way.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

switch (command.kind) {
  case "help":
    process.stdout.write(usage(...names));
    break;
  case "wrong":
    console.error(`pnpm bench proxy: ${command.message}`);
    process.exitCode = 2;
    break;
  case "gate":
  case "measure":
    try {
      await run(command);
    } catch (error) {
      console.error(`pnpm bench proxy: ${(error as Error).message}`);
      process.exitCode = 1;
    }
}

async function run(asked: Extract<Command, { kind: "gate" | "measure" }>): Promise<void> {
  await provide(["taskset", "setpriv", "nginx", "wrk"]);
  // Who needs them says so in its row.
  await provide(neededBy(asked)).catch(() => undefined);
  const cores = takeCores();
  const directory = new WorkingDirectory();
  const results = new ResultsFile(asked, cores);
  const done: Series[] = [];
  const measure = async (
    load: Load,
    targets: readonly string[] | undefined,
    rounds: number,
  ): Promise<Series> => {
    const { certificate } = directory;
    const { seconds } = asked;
    const series = await directory.with((path) =>
      runSeries(load, targetsOf(load, targets), {
        rounds,
        seconds,
        cores,
        certificate,
        directory: path,
        onTurn: (round, target) => progress(`${load.name} ${round + 1}/${rounds} ${target}`),
      }),
    );
    done.push(series);
    results.save(done);
    progress("");
    console.log(tableOf(series));
    // Without what everything is compared with, the run has failed.
    if (
      series.rows.some(({ target, notServed }) => target === baseline && notServed !== undefined)
    ) {
      process.exitCode = 1;
    }
    return series;
  };

  if (asked.kind === "gate") {
    await gate(() => measure(small, ["nginx", "gateway"], gateRounds));
  } else {
    for (const name of asked.loads) {
      const load = allLoads.find((one) => one.name === name);
      if (load !== undefined) await measure(load, asked.targets, asked.rounds);
    }
    const goals = goalLines(done);
    if (goals.length > 0) console.log(`\n${goals.join("\n")}`);
  }
  console.log(`\n${results.path}`);
}

/** What not every run needs. */
function neededBy(asked: Extract<Command, { kind: "gate" | "measure" }>): readonly Tool[] {
  if (asked.kind === "gate") return [];
  const haproxy = asked.loads.includes("post") || asked.targets?.includes("haproxy") !== false;
  const h2load = asked.loads.includes("latency");
  return [...(haproxy ? (["haproxy"] as const) : []), ...(h2load ? (["h2load"] as const) : [])];
}

async function gate(block: () => Promise<Series>): Promise<void> {
  for (let count = 1; count <= gateBlocks; count += 1) {
    const { passed, text } = judge(await block());
    console.log(`\ngate, block ${count}: ${text}: ${passed ? "passed" : "above"}`);
    if (passed) return;
  }
  process.exitCode = 1;
}

/** Shows what is being done, where somebody looks on. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
}
