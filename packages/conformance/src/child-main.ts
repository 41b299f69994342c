// A process of its own for the suite: makes a registry and does what it is told over the IPC channel.
import { createDiscovery, type Registration, type Registry } from "@rollcall/core";

import type { ChildAnswer, ChildCommand, ChildSetup } from "./child-commands.ts";

const setup = JSON.parse(process.argv[2] ?? "{}") as ChildSetup;
const made = (await import(setup.module)) as Record<string, (link: unknown) => Registry>;
const make = made[setup.export];
if (make === undefined) throw new Error(`${setup.module} does not export ${setup.export}`);

const { ttlMs } = setup;
let registration: Registration | undefined;
process.on("message", (command: ChildCommand) => void answer(command));
const baseline = process.getActiveResourcesInfo();
const registry = make(setup.link);
const discovery = createDiscovery(registry, { protection: "off" });
process.send?.({});

async function answer(command: ChildCommand): Promise<void> {
  let result: ChildAnswer;
  try {
    result = await run(command);
  } catch (error) {
    result = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send?.(result);
  if (command.do === "dispose") process.disconnect();
}

async function run(command: ChildCommand): Promise<ChildAnswer> {
  switch (command.do) {
    case "view":
      await discovery.service(command.service).ready();
      return {};
    case "register":
      registration = await registry.register(command.node, { ttlMs });
      return {};
    case "attempt":
      discovery
        .service(command.node.service)
        .ready()
        .catch(() => undefined);
      registry.register(command.node, { ttlMs }).catch(() => undefined);
      return {};
    case "phase":
      return { phase: registration?.state.phase };
    case "dispose":
      await discovery[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      return { leaked: await leftOver() };
    default:
      return { error: "unknown command" };
  }
}

/** Active resources beyond the baseline; sockets that were destroyed need a moment to be gone. */
async function leftOver(): Promise<string[]> {
  for (let look = 0; ; look += 1) {
    const left = process.getActiveResourcesInfo();
    for (const resource of baseline) {
      const index = left.indexOf(resource);
      if (index >= 0) left.splice(index, 1);
    }
    if (left.length === 0 || look === 50) return left;
    await new Promise((resolve) => {
      setTimeout(resolve, 20).unref();
      setImmediate(resolve);
    });
  }
}
