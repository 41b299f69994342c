/**
 * What a request pays for `view.nodes`, and what a cold start from disk costs while the registry is down.
 *
 *     pnpm bench view
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createDiscovery, isRoutable, memoryBackend, memoryRegistry } from "@rollcall/core";

import { heapBytes, median, report, serviceOf } from "./measure.ts";
import { takeNoFlags } from "./no-flags.ts";

const count = 10_000;
const reads = 10_000_000;
const backend = memoryBackend();
for (const node of serviceOf(count)) backend.put("orders", node.id, { node });

async function readFromMemory(): Promise<void> {
  await using registry = memoryRegistry({ backend });
  await using discovery = createDiscovery(registry);
  const view = discovery.service("orders");
  const { all } = await view.ready();

  const readAll = (): number => {
    let same = 0;
    for (let n = 0; n < reads; n += 1) if (view.nodes.length === count) same += 1;
    return same;
  };
  let sum = readAll();
  const before = heapBytes();
  const startedAtMs = performance.now();
  sum += readAll();
  const elapsedMs = performance.now() - startedAtMs;
  // No collection in between: whatever the reads allocated is still there.
  const allocated = process.memoryUsage().heapUsed - before;
  report(
    `view.nodes of ${count}, heap after ${reads / 1e6} M reads`,
    allocated / reads,
    "B/read",
    0.01,
  );
  report(`view.nodes of ${count}, time`, (elapsedMs / reads) * 1e6, "ns/read", 50);

  const filtered = performance.now();
  for (let n = 0; n < 200; n += 1) sum += all.filter(isRoutable).length;
  const each = ((performance.now() - filtered) / 200) * 1e6;
  console.log(
    `${"beside it: filtering the list in each request".padEnd(56)} ${each.toFixed(0).padStart(8)} ns/read`,
  );
  if (sum === 0) throw new Error("nothing was read");
}

/** The child starts cold: its modules are loaded, the file is not. */
async function coldStart(directory: string): Promise<void> {
  const down = memoryBackend();
  down.fail("UNAVAILABLE");
  const registry = memoryRegistry({ backend: down });
  const startedAtMs = performance.now();
  const discovery = createDiscovery(registry, { snapshotDir: directory });
  const { nodes, origin } = await discovery.service("orders").ready();
  const elapsedMs = performance.now() - startedAtMs;
  if (nodes.length !== count || origin !== "disk") throw new Error("not what was saved");
  await discovery[Symbol.asyncDispose]();
  console.log(elapsedMs);
}

async function coldStarts(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "rollcall-bench-"));
  try {
    await using registry = memoryRegistry({ backend });
    const discovery = createDiscovery(registry, { snapshotDir: directory });
    await discovery.service("orders").ready();
    await discovery[Symbol.asyncDispose]();
    const self = fileURLToPath(import.meta.url);
    const times = Array.from({ length: 7 }, () => {
      const { stdout, stderr } = spawnSync(process.execPath, [self, "cold", directory], {
        encoding: "utf8",
      });
      if (stdout === "") throw new Error(stderr);
      return Number(stdout);
    });
    report(`cold start of ${count} from disk, registry down`, median(times), "ms", 50);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[2] === "cold") {
  await coldStart(process.argv[3] ?? "");
} else {
  takeNoFlags(
    "view",
    "what a request pays for view.nodes; cold start from disk",
    process.argv.slice(2),
  );
  await readFromMemory();
  await coldStarts();
}
