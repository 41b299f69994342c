// Runs each file of examples/ to its end; an example that fails, or that does not end by itself, is an error.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runStep } from "./lib/step.mjs";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));
const examples = readdirSync(folder).filter((name) => name.endsWith(".ts"));
for (const name of examples) {
  const { ok, output } = await runStep("node", [name], {
    cwd: folder,
    env: process.env,
    deadlineMs: 60_000,
  });
  if (ok) continue;
  console.error(`examples/${name} failed:\n${output}`);
  process.exitCode = 1;
}
console.log(`${examples.length} examples`);
