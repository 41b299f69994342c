/**
 * `npm start`: a registry, four providers and the gateway on this machine, until Ctrl-C.
 *
 *     registry ← providers register and heartbeat; registry → gateway polls every second; client → gateway
 */
import { type DemoOptions, parseOptions, usage, UsageError } from "./options.ts";
import { startDemo } from "./demo.ts";
import { busyPorts } from "./ports.ts";

async function main(): Promise<number> {
  let options: DemoOptions;
  try {
    const parsed = parseOptions(process.argv.slice(2));
    if (parsed === "help") {
      process.stdout.write(usage);
      return 0;
    }
    options = parsed;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    return 2;
  }
  const busy = await busyPorts(options);
  if (busy.length > 0) {
    for (const { flag, port } of busy) {
      console.error(`port ${port} on 127.0.0.1 is taken: choose another with ${flag}`);
    }
    return 1;
  }
  const stopped = stopSignal();
  const demo = await startDemo(options);
  await stopped;
  console.log("\nstopping…");
  await demo[Symbol.asyncDispose]();
  console.log("stopped; nothing is left running");
  return 0;
}

/** Resolves with the first Ctrl-C or SIGTERM; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let heard = false;
    const hear = (): void => {
      // A terminal and npm may both deliver one and the same Ctrl-C.
      if (heard && performance.now() - heardAtMs > 500) process.exit(130);
      if (!heard) heardAtMs = performance.now();
      heard = true;
      resolve();
    };
    let heardAtMs = 0;
    process.on("SIGINT", hear);
    process.on("SIGTERM", hear);
    process.on("SIGHUP", hear);
  });
}

process.exitCode = await main();
