// run-bench.mjs [name…] [flags]: runs benchmarks of apps/bench one after the other under the project's own Node,
// passing the flags to each. Without a name it lists them.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runJob } from "./lib/job.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "apps/bench/src");
const suffix = ".bench.ts";

const known = readdirSync(folder)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length));
const firstFlag = process.argv.slice(2).findIndex((word) => word.startsWith("-"));
const words = process.argv.slice(2);
const names = firstFlag === -1 ? words : words.slice(0, firstFlag);
const flags = firstFlag === -1 ? [] : words.slice(firstFlag);
const unknown = names.filter((name) => !known.includes(name));

if (names.length === 0 || unknown.length > 0) {
  for (const name of unknown) console.error(`no benchmark "${name}"`);
  console.log(`pnpm bench <name…> [flags]\n${known.map((name) => `  ${name}`).join("\n")}`);
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else {
  const node = join(root, "node_modules/.bin/node");
  for (const name of names) {
    const args = [join(folder, `${name}${suffix}`), ...flags];
    const code = await runJob(node, args, { cwd: process.cwd(), env: process.env });
    process.exitCode ||= code;
  }
}
