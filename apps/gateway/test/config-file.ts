import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { formatProblem, loadConfig, type LoadedConfig } from "../src/index.ts";

/** A directory that is gone when the test is. */
export function testDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "rollcall-gateway-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Loads configuration text as if it stood in a file. */
export function loadText(
  text: string,
  options: {
    readonly routes?: string | undefined;
    readonly environment?: Readonly<Record<string, string>> | undefined;
  } = {},
): LoadedConfig & { readonly lines: readonly string[] } {
  const directory = testDirectory();
  const configFile = join(directory, "c.yaml");
  writeFileSync(configFile, text);
  const routesFile = options.routes === undefined ? undefined : join(directory, "apisix.yaml");
  if (routesFile !== undefined) writeFileSync(routesFile, options.routes!);
  const loaded = loadConfig({ configFile, routesFile, environment: options.environment ?? {} });
  const lines = [...loaded.problems, ...loaded.warnings].map((problem) =>
    formatProblem(problem).replaceAll(`${directory}/`, ""),
  );
  return { ...loaded, lines };
}
