import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The fake `docker` command in place of the real one, for this process. */
export interface DockerStandIn extends AsyncDisposable {
  /** What was asked, oldest first. */
  calls(): Promise<readonly (readonly string[])[]>;
}

/** What the fake runs instead of what is in an image. */
export interface InsteadOf {
  /** By the entry point: a command, and arguments that come first. */
  readonly commands?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Parts of arguments: paths inside the image. */
  readonly replace?: Readonly<Record<string, string>> | undefined;
}

/** Puts the fake first in the path. */
export async function standInForDocker(instead: InsteadOf = {}): Promise<DockerStandIn> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-docker-"));
  await symlink(
    fileURLToPath(new URL("docker-stand-in.mjs", import.meta.url)),
    join(folder, "docker"),
  );
  const { commands, replace } = instead;
  await writeFile(join(folder, "commands.json"), JSON.stringify({ ...commands, replace }));
  const { PATH: path = "" } = process.env;
  process.env["PATH"] = `${folder}${delimiter}${path}`;
  process.env["DOCKER_STAND_IN"] = folder;
  return {
    calls: async () => {
      const lines = (await readFile(join(folder, "calls.jsonl"), "utf8")).trim().split("\n");
      return lines.map((line) => JSON.parse(line) as readonly string[]);
    },
    [Symbol.asyncDispose]: async () => {
      process.env["PATH"] = path;
      delete process.env["DOCKER_STAND_IN"];
      await rm(folder, { recursive: true, force: true });
    },
  };
}
