// Runs each file of examples/ as its head says, against a registry of its own. An example must say what is
// expected of it, and then end: by itself, or on Ctrl-C.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startEurekaServer } from "../packages/eureka-server/dist/index.js";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));
const deadlineMs = 30_000;

/** What each example prints once it has shown its point; `forever` ones are then interrupted. */
const expected: Readonly<Record<string, { readonly shows: RegExp; readonly forever: boolean }>> = {
  "balance.ts": { shows: /10\.0\.0\.3/, forever: false },
  "provide.ts": { shows: /is registered as/, forever: true },
  "consume.ts": { shows: /USER-SERVICE fresh: 127\.0\.0\.1:\d+/, forever: true },
};

const names = readdirSync(folder).filter((name) => name.endsWith(".ts"));
const server = await startEurekaServer();
// The provider runs beside the others: somebody has to be there to be found.
const providing = start("provide.ts");
await providing.shown;
for (const name of names.filter((one) => one !== "provide.ts")) {
  const example = start(name);
  await example.shown;
  await example.end();
}
await providing.end();
await server.close();
console.log(`${names.length} examples`);

function start(name: string): { readonly shown: Promise<void>; end(): Promise<void> } {
  const { shows, forever } = expected[name] ?? { shows: /(?!)/, forever: false };
  const child = spawn("node", [name, server.url], { cwd: folder });
  const ended = once(child, "close");
  const shown = Promise.withResolvers<void>();
  let output = "";
  const hear = (chunk: Buffer): void => {
    output += chunk.toString();
    if (shows.test(output)) shown.resolve();
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
  void ended.then(() => shown.resolve());
  return {
    shown: shown.promise,
    async end() {
      if (forever) child.kill("SIGINT");
      const [code, signal] = await ended;
      clearTimeout(timer);
      if (code === 0 && shows.test(output)) return;
      console.error(`examples/${name} failed (${signal ?? `exit code ${code}`}):\n${output}`);
      process.exitCode = 1;
    },
  };
}
