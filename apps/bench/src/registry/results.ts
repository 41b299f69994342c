import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { MeasureResult } from "./run-measure.ts";

const folder = fileURLToPath(new URL("../../results", import.meta.url));

/** What a run found with one registry. */
export interface RegistryResult {
  readonly registry: string;
  /** Versions of the clients, by name. */
  readonly clients: Readonly<Record<string, string>>;
  /** By name of the measure. */
  readonly measures: Readonly<Record<string, MeasureResult>>;
}

/** The file of one run: what it ran on, and every sample. Rewritten after each measure. */
export class RegistryResultsFile {
  readonly path: string;
  readonly #about: object;

  /** @param how  What was asked for. */
  constructor(how: object) {
    const startedAt = new Date().toISOString();
    this.path = join(folder, `registry-${startedAt.replaceAll(":", "-")}.json`);
    this.#about = {
      startedAt,
      how,
      machine: { cpu: cpus()[0]?.model, count: cpus().length, kernel: release() },
      node: process.version,
    };
  }

  save(results: readonly RegistryResult[]): void {
    mkdirSync(folder, { recursive: true });
    writeFileSync(this.path, `${JSON.stringify({ ...this.#about, results }, undefined, 2)}\n`);
  }
}
