import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Cores } from "./cores.ts";
import type { Series } from "./series.ts";
import { commandOf, type Tool } from "./tool.ts";

const folder = fileURLToPath(new URL("../../results", import.meta.url));

/** The file of one run: what it ran on, and every sample. Rewritten after each series. */
export class ResultsFile {
  readonly path: string;
  readonly #about: object;

  /** @param how  Rounds, seconds and the like, as they were asked for. */
  constructor(how: object, cores: Cores) {
    const startedAt = new Date().toISOString();
    this.path = join(folder, `proxy-${startedAt.replaceAll(":", "-")}.json`);
    this.#about = {
      startedAt,
      how,
      cores,
      machine: { cpu: cpus()[0]?.model, count: cpus().length, kernel: release() },
      versions: {
        node: process.version,
        nginx: versionOf("nginx", "-v"),
        haproxy: versionOf("haproxy", "-v"),
        wrk: versionOf("wrk", "-v"),
        h2load: versionOf("h2load", "--version"),
      },
    };
  }

  save(series: readonly Series[]): void {
    mkdirSync(folder, { recursive: true });
    writeFileSync(this.path, `${JSON.stringify({ ...this.#about, series }, undefined, 2)}\n`);
  }
}

/** The first line that a program says of itself; `undefined` when it is not here. */
function versionOf(tool: Tool, flag: string): string | undefined {
  try {
    const { path, env } = commandOf(tool);
    // Some say it on standard error, and wrk fails after it.
    const shell = ["-c", '"$0" "$1" 2>&1 || true', path, flag];
    const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
    return execFileSync("sh", shell, options).split("\n")[0];
  } catch {
    return undefined;
  }
}
