/**
 * Each registry through our adapter and through the plain client library, side by side on one real server:
 * how soon a change is seen, what one change in a large service costs, and what a
 * thousand idle watches and a thousand registrations ask.
 *
 *     pnpm bench registry [--only etcd,Consul] [--measures visible,large,idle,registered]
 */
import { parseArgs } from "node:util";

import { backends } from "./registry/backends.ts";
import { countingProxy } from "./registry/counting-proxy.ts";
import { idleCount } from "./registry/idle.ts";
import { largeCount } from "./registry/large.ts";
import { registeredCount } from "./registry/registered.ts";
import { runSide } from "./registry/run-side.ts";
import type { Backend, Server, SideName } from "./registry/side.ts";

const { values } = parseArgs({
  options: { only: { type: "string" }, measures: { type: "string" } },
});
const wanted = values.only?.split(",");
const measures = values.measures?.split(",") ?? ["visible", "large", "idle", "registered"];
const sides = ["ours", "theirs"] as const;

function row(what: string, ours: string, theirs: string, goal: string): void {
  console.log(`${what.padEnd(52)} ${ours.padStart(12)} ${theirs.padStart(12)}  ${goal}`);
}

const shown = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value)
    ? "–"
    : value >= 100
      ? value.toFixed(0)
      : value.toPrecision(3);

async function both(
  backend: Backend,
  measure: string,
  run: (side: SideName) => Promise<Readonly<Record<string, number>>>,
): Promise<Record<SideName, Readonly<Record<string, number>>>> {
  const found: Partial<Record<SideName, Readonly<Record<string, number>>>> = {};
  for (const side of sides) {
    try {
      found[side] = await run(side);
    } catch (error) {
      console.error(`${backend.name} ${side} ${measure}: ${String(error)}`);
      found[side] = {};
    }
  }
  return found as Record<SideName, Readonly<Record<string, number>>>;
}

async function measureVisible(backend: Backend, server: Server): Promise<void> {
  const found = await both(backend, "visible", (side) =>
    runSide(backend.name, side, "visible", server.url, async () => {}),
  );
  for (const key of ["p50", "p99"]) {
    const [ours, theirs] = [found.ours[key], found.theirs[key]];
    const met = (ours ?? Infinity) <= 1.5 * (theirs ?? 0);
    if (!met) process.exitCode = 1;
    row(
      `change to visible, ${key}, ms`,
      shown(ours),
      shown(theirs),
      `goal <= 1.5 x ${met ? "met" : "MISSED"}`,
    );
  }
}

async function measureLarge(backend: Backend, server: Server): Promise<void> {
  await server.fill("large", largeCount);
  const found = await both(backend, "large", (side) =>
    runSide(backend.name, side, "large", server.url, ({ index = 0, version = "" }) =>
      server.change("large", index, version),
    ),
  );
  const { ours, theirs } = found;
  const met = (ours["cpuMs"] ?? Infinity) <= 10;
  if (!met) process.exitCode = 1;
  row(
    `one change in ${largeCount} nodes, ms CPU`,
    shown(ours["cpuMs"]),
    shown(theirs["cpuMs"]),
    `goal <= 10 ${met ? "met" : "MISSED"}`,
  );
  row(
    "memory per node, bytes",
    shown(ours["bytesPerNode"]),
    shown(theirs["bytesPerNode"]),
    "goal <= 1024",
  );
}

/** Counts what a side sends while nothing changes. */
async function counted(
  backend: Backend,
  server: Server,
  measure: "idle" | "registered",
): Promise<Record<SideName, Readonly<Record<string, number>>>> {
  return both(backend, measure, async (side) => {
    await using proxy = await countingProxy(Number(new URL(server.url).port));
    let [begun, ended, connections] = [0, 0, 0];
    const url = `http://127.0.0.1:${proxy.port}`;
    const { seconds = 1, watched = 0 } = await runSide(
      backend.name,
      side,
      measure,
      url,
      async ({ ask }) => {
        if (ask === "begin") begun = proxy.requests;
        else [ended, connections] = [proxy.requests, proxy.connections];
      },
    );
    return { perSecond: (ended - begun) / seconds, connections, watched };
  });
}

async function measureIdle(backend: Backend, server: Server): Promise<void> {
  const { ours, theirs } = await counted(backend, server, "idle");
  const what = `${idleCount} idle services`;
  row(`${what}: requests per second`, shown(ours["perSecond"]), shown(theirs["perSecond"]), "");
  row(`${what}: connections`, shown(ours["connections"]), shown(theirs["connections"]), "");
  row(`${what}: watched`, shown(ours["watched"]), shown(theirs["watched"]), "");
}

async function measureRegistered(backend: Backend, server: Server): Promise<void> {
  const { ours, theirs } = await counted(backend, server, "registered");
  const what = `${registeredCount} registrations`;
  row(`${what}: requests per second`, shown(ours["perSecond"]), shown(theirs["perSecond"]), "");
  row(`${what}: connections`, shown(ours["connections"]), shown(theirs["connections"]), "");
}

for (const backend of backends) {
  if (wanted !== undefined && !wanted.includes(backend.name)) continue;
  await using server = await backend.start();
  console.log(`\n${backend.name} ${server.version}`);
  row("", "rollcall", backend.plain, "");
  if (measures.includes("visible")) await measureVisible(backend, server);
  if (measures.includes("large")) await measureLarge(backend, server);
  if (measures.includes("idle")) await measureIdle(backend, server);
  if (measures.includes("registered")) await measureRegistered(backend, server);
}
