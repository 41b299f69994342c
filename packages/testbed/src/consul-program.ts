import { join } from "node:path";
import { runCommand } from "./command.ts";
import { debianProgram } from "./debian-package.ts";

/** The Consul agent, unpacked. */
export interface ConsulProgram {
  /** Path of the executable. */
  readonly command: string;
  /** `1.8.7`. */
  readonly version: string;
}

/**
 * The agent from Debian's package, fetched on first use.
 *
 * @throws Error as {@link debianProgram} does
 */
export async function consulProgram(): Promise<ConsulProgram> {
  const folder = await debianProgram({
    name: "consul",
    packages: ["consul"],
    // The last release that carries it.
    suites: ["bullseye"],
    check: versionIn,
  });
  return { command: executable(folder), version: await versionIn(folder) };
}

function executable(folder: string): string {
  return join(folder, "usr", "bin", "consul");
}

async function versionIn(folder: string): Promise<string> {
  const said = await runCommand(executable(folder), ["version"]);
  const version = /Consul v?(\d+\.\d+\.\d+)/.exec(said)?.[1];
  if (version === undefined) throw new Error(`consul does not tell its version: ${said.trim()}`);
  return version;
}
