import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The programs that are measured or measure, and the Debian packages they come in. */
const packages = {
  nginx: "nginx",
  haproxy: "haproxy",
  wrk: "wrk",
  h2load: "nghttp2-client",
  taskset: "util-linux",
  setpriv: "util-linux",
} as const;

/** A program that is not ours. */
export type Tool = keyof typeof packages;

/** A program that is not on this machine. */
export class MissingTool extends Error {
  override readonly name = "MissingTool";

  constructor(tool: Tool) {
    super(`${tool} is missing; install the Debian package ${packages[tool]}`);
  }
}

/**
 * The path of a program.
 *
 * @throws {@link MissingTool} when it is neither on the PATH nor where Debian keeps servers.
 */
export function toolPath(tool: Tool): string {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  for (const folder of folders) {
    const path = join(folder, tool);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  throw new MissingTool(tool);
}
