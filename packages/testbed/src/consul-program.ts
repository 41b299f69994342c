import { join } from "node:path";
import { runCommand } from "./command.ts";
import { debianProgram } from "./debian-package.ts";
import { type ImageInEngine, imageInEngine, type Lane, laneOf } from "./lane.ts";

/** The Consul agent, unpacked. */
export interface ConsulProgram {
  /** Path of the executable, in the image when there is one. */
  readonly command: string;
  /** `1.8.7`. */
  readonly version: string;
  readonly image: ImageInEngine | undefined;
}

/**
 * The agent: its image, or Debian's package. Fetched on first use.
 *
 * @throws Error saying what is missing
 */
export async function consulProgram(lane: Lane = laneOf("consul")): Promise<ConsulProgram> {
  if (lane === "docker") {
    const image = await imageInEngine("consul");
    return { command: "/bin/consul", version: image.version, image };
  }
  const folder = await debianProgram({
    name: "consul",
    packages: ["consul"],
    // The last release that carries it.
    suites: ["bullseye"],
    check: versionIn,
  });
  return { command: executable(folder), version: await versionIn(folder), image: undefined };
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
