/**
 * Each registry through our adapter and through other clients, side by side on one real server: how soon a change
 * is seen, how long a killed provider stays, what one change in a large service costs, and what idle
 * consumers and providers ask.
 *
 *     pnpm bench registry
 *     pnpm bench registry --only etcd,zookeeper --measures visible,large
 */
import { constants } from "node:os";

import { backends } from "./registry/backends.ts";
import { measures } from "./registry/measures.ts";
import { type Command, parseCommand, usage } from "./registry/options.ts";
import { type RegistryResult, RegistryResultsFile } from "./registry/results.ts";
import { type MeasureResult, runMeasure } from "./registry/run-measure.ts";
import { tableHead, tableRow } from "./registry/table.ts";

const names = {
  registries: backends.map(({ name }) => name),
  measures: measures.map(({ name }) => name),
  sides: [...new Set(backends.flatMap(({ sides }) => Object.keys(sides)))],
};
const command = parseCommand(process.argv.slice(2), names);

// Leaving by `exit` has everything that was started stopped on the way.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

switch (command.kind) {
  case "help":
    process.stdout.write(
      usage(names, Object.fromEntries(measures.map(({ name, about }) => [name, about]))),
    );
    break;
  case "wrong":
    console.error(`pnpm bench registry: ${command.message}`);
    process.exitCode = 2;
    break;
  case "measure":
    await run(command);
}

async function run(asked: Extract<Command, { kind: "measure" }>): Promise<void> {
  const file = new RegistryResultsFile(asked);
  const results: RegistryResult[] = [];
  const { amounts, defaults } = asked;
  for (const backend of backends) {
    if (!asked.registries.includes(backend.name)) continue;
    const sides = Object.keys(backend.sides).filter((side) => asked.sides?.includes(side) ?? true);
    const clients = await Promise.all(
      sides.map(async (side) => [side, (await backend.sides[side]?.version()) ?? "?"] as const),
    );
    const found: Record<string, MeasureResult> = {};
    results.push({
      registry: backend.name,
      clients: Object.fromEntries(clients),
      measures: found,
    });
    for (const measure of measures) {
      if (!asked.measures.includes(measure.name)) continue;
      const isFirst = Object.keys(found).length === 0;
      const result = await runMeasure(measure, { backend, sides, amounts, defaults });
      found[measure.name] = result;
      file.save(results);
      if (isFirst) {
        console.log(`\n${backend.name} ${result.server}${defaults ? ", as it comes" : ""}`);
        for (const [side, version] of clients) console.log(`  ${side}: ${version}`);
        console.log(tableHead(sides));
      }
      for (const row of result.rows) console.log(tableRow(row, sides));
      for (const note of result.notes) console.log(`    ${measure.name}: ${note}`);
      const isMissed = result.rows.some(({ goal }) => goal?.met === false);
      if (result.failed || isMissed) process.exitCode = 1;
    }
  }
  console.log(`\n${file.path}`);
}
