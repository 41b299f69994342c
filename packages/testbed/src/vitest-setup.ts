import { writeFile } from "node:fs/promises";
import type { TestProject } from "vitest/node";
import { type Found, find, required } from "./availability.ts";
import { dockerEngine } from "./docker.ts";
import { registryKinds } from "./registry-kind.ts";

/**
 * vitest's global setup of the project `real`: finds or starts one server of each kind, all at once, tells the test
 * workers, and stops what it started at the end of the run.
 *
 * What was met goes to the file that `ROLLCALL_REGISTRIES_FILE` names, for the table at the end of `npm test`.
 *
 * @throws Error when a registry of `ROLLCALL_REQUIRE` is missing
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const names = registryKinds.map((kind) => kind.name);
  const insisted = required(process.env["ROLLCALL_REQUIRE"], names);
  const found = await Promise.all(registryKinds.map((kind) => find(kind, process.env)));
  const stop = async (): Promise<void> => {
    await Promise.all(found.map((one) => one.stop()));
  };
  try {
    await report(names, found);
    await tellPassedOver(names, found);
    for (const [index, name] of names.entries()) {
      const shared = found[index]?.availability.shared;
      if (shared === undefined || !("reason" in shared)) continue;
      const sentence = `no ${name} server, its tests are skipped: ${shared.reason}`;
      if (insisted.includes(name)) throw new Error(`ROLLCALL_REQUIRE is not met: ${sentence}`);
      process.stderr.write(`\n${sentence}\n`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide(
    "rollcallRegistries",
    Object.fromEntries(names.map((name, index) => [name, found[index]!.availability])),
  );
  return stop;
}

/** That there is no engine is no news; that there is one and it did not do is. */
async function tellPassedOver(names: readonly string[], found: readonly Found[]): Promise<void> {
  for (const [index, name] of names.entries()) {
    const reason = found[index]?.passedOver;
    if (!reason || (await hasNoEngine())) continue;
    process.stderr.write(`\n${name} is not run in the Docker engine: ${reason}\n`);
  }
}

function hasNoEngine(): Promise<boolean> {
  return dockerEngine().then(
    () => false,
    () => true,
  );
}

async function report(names: readonly string[], found: readonly Found[]): Promise<void> {
  const file = process.env["ROLLCALL_REGISTRIES_FILE"];
  if (!file) return;
  const lines = names.map((registry, index) => ({
    registry,
    ...found[index]?.availability.shared,
  }));
  // The URL may carry a password; the table does not need it.
  await writeFile(file, JSON.stringify(lines, ["registry", "version", "reason"]));
}
