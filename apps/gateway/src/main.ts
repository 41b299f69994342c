#!/usr/bin/env node
/** The gateway's command line: config → registries → discovery → balancer → proxy. */
import { readFileSync } from "node:fs";

import { accessLog } from "./access-log.ts";
import { parseCommand, usage } from "./cli.ts";
import { configJsonSchema } from "./config/file-schema.ts";
import { loadConfig, type LoadedConfig } from "./config/load.ts";
import { formatProblem } from "./config/problem.ts";
import { ListenError } from "./listen-error.ts";
import { createLog } from "./log.ts";
import { LogOutput } from "./log-output.ts";
import { registryFactories } from "./registry-factories.ts";
import { checkRegistries, runGateway, type RunningProcess } from "./run.ts";
import { WorkerError } from "./workers/worker-process.ts";

/** Signals this soon after the first are the first one again, in ms: a terminal and npm may both deliver a Ctrl-C. */
const echoMs = 500;

const command = parseCommand(process.argv.slice(2));
switch (command.kind) {
  case "help":
    process.stdout.write(usage);
    break;
  case "version": {
    const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    process.stdout.write(`${(JSON.parse(text) as { version: string }).version}\n`);
    break;
  }
  case "print-schema":
    process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    break;
  case "wrong":
    process.stderr.write(`rollcall-gateway: ${command.message}\n`);
    process.exitCode = 2;
    break;
  case "check":
  case "run":
    await load(command);
}

async function load(asked: Extract<typeof command, { kind: "check" | "run" }>): Promise<void> {
  const loaded = loadConfig(asked);
  const refused = await checkRegistries(loaded, registryFactories);
  const problems = [...loaded.problems, ...refused];
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  if (loaded.config === undefined || problems.length > 0) {
    process.exitCode = 2;
    return;
  }
  if (asked.kind === "check") {
    for (const warning of loaded.warnings) {
      process.stderr.write(`warning: ${formatProblem(warning)}\n`);
    }
    process.stdout.write(`${asked.configFile}: ok\n`);
    return;
  }
  try {
    await serve(asked, loaded);
  } catch (error) {
    if (!(error instanceof ListenError || error instanceof WorkerError)) throw error;
    process.stderr.write(`rollcall-gateway: ${error.message}\n`);
    process.exitCode = 1;
  }
}

async function serve(
  source: { readonly configFile: string; readonly routesFile?: string | undefined },
  loaded: LoadedConfig,
): Promise<void> {
  const output = new LogOutput(1, { shared: loaded.config!.workers > 1 });
  // Whatever ends the process, but for a kill.
  process.on("exit", () => output.writeRest());
  const log = createLog(output);
  const starting = runGateway(source, loaded, {
    log,
    onAccess: accessLog(output),
    droppedLogLines: () => output.dropped,
    registries: registryFactories,
  });
  // Before it says that it listens: whoever waits for that may signal at once.
  process.on("SIGHUP", () => void starting.then((running) => running.reload(), ignore));
  let running: RunningProcess | undefined;
  let askedAtMs: number | undefined;
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      if (askedAtMs !== undefined) {
        if (performance.now() - askedAtMs <= echoMs) return;
        running?.kill();
        process.exit(1);
      }
      askedAtMs = performance.now();
      log.info(`${name}: stopping`);
      void starting.then(stop, ignore);
    });
  }
  running = await starting;
}

async function stop(running: RunningProcess): Promise<void> {
  // A registry that does not let go must not keep the process.
  setTimeout(() => process.exit(0), running.gateway.config.drainMs + 2_000).unref();
  await running.stop();
  process.exit(0);
}

/** A start that failed is told where it is awaited. */
function ignore(): void {}
