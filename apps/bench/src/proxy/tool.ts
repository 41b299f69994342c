import { execFile } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { debianProgram } from "@rollcall/testbed";

/** A program that is not ours, and where it is to be had. */
interface Origin {
  /** The Debian package. */
  readonly debian: string;
  /** What it needs besides, that a small machine may not have; no others are fetched. */
  readonly libraries?: readonly string[];
}

/** A program that is not ours. */
export type Tool = "nginx" | "wrk" | "h2load" | "haproxy" | "taskset" | "setpriv";

const origins: Readonly<Record<Tool, Origin>> = {
  nginx: { debian: "nginx", libraries: ["libssl3", "libpcre2-8-0"] },
  wrk: { debian: "wrk", libraries: ["libssl3", "libluajit-5.1-2"] },
  h2load: {
    debian: "nghttp2-client",
    libraries: ["libssl3", "libnghttp2-14", "libev4", "libjemalloc2", "libxml2", "libicu72"],
  },
  haproxy: {
    debian: "haproxy",
    libraries: [
      "libssl3",
      "libpcre2-8-0",
      "liblua5.3-0",
      "libopentracing-c-wrapper0",
      "libopentracing1",
    ],
  },
  taskset: { debian: "util-linux" },
  setpriv: { debian: "util-linux" },
};

/** How a program is started. */
export interface ToolCommand {
  readonly path: string;
  /** To be added to the environment: where its libraries are. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The release whose programs are fetched. Its libc is old enough for nearly every machine, and everybody compares
 * with the same nginx.
 */
const suite = "bookworm";

/** A program that is not on this machine, and cannot be fetched. */
export class MissingTool extends Error {
  override readonly name = "MissingTool";

  constructor(tool: Tool, why = "") {
    super(`${tool} is missing; install the Debian package ${origins[tool].debian}${why}`);
  }
}

const fetched = new Map<Tool, ToolCommand>();

/**
 * Sees that programs are there: those that this machine has not are fetched from Debian into the cache folder,
 * without root.
 *
 * @throws {@link MissingTool} with the reason, when one can be had neither way.
 */
export async function provide(tools: readonly Tool[]): Promise<void> {
  for (const tool of tools) {
    if (installed(tool) !== undefined || fetched.has(tool)) continue;
    const { debian, libraries } = origins[tool];
    if (libraries === undefined) throw new MissingTool(tool);
    try {
      const folder = await debianProgram({
        name: tool,
        packages: [debian, ...libraries],
        suites: [suite],
        check: (draft) => starts(commandIn(draft, tool)),
      });
      fetched.set(tool, commandIn(folder, tool));
    } catch (error) {
      throw new MissingTool(tool, ` (${(error as Error).message})`);
    }
  }
}

/**
 * How to start a program.
 *
 * @throws {@link MissingTool} when it is neither on the PATH, nor where Debian keeps servers, nor was provided.
 */
export function commandOf(tool: Tool): ToolCommand {
  const path = installed(tool);
  const command = path === undefined ? fetched.get(tool) : { path, env: {} };
  if (command === undefined) throw new MissingTool(tool);
  return command;
}

function installed(tool: Tool): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, tool)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** As it was unpacked into a folder. */
function commandIn(folder: string, tool: Tool): ToolCommand {
  const places = ["usr/sbin", "usr/bin"].map((place) => join(folder, place, tool));
  const architecture = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const libraries = ["usr/lib", "lib"].map((place) => join(folder, place, architecture));
  return {
    path: places.find((path) => existsSync(path)) ?? places[0]!,
    env: { LD_LIBRARY_PATH: libraries.join(delimiter) },
  };
}

/** Some fail when they are asked for their version; who misses a library is told from them by the exit code. */
function starts({ path, env }: ToolCommand): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(path, ["-v"], { env: { ...process.env, ...env } }, (error, _stdout, stderr) => {
      const code = error?.code;
      if (error === null || (typeof code === "number" && code < 126)) resolve();
      else reject(new Error(`${path} does not run here: ${stderr.trim() || error.message}`));
    });
  });
}
