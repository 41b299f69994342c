import { runCommand } from "./command.ts";

/**
 * A sentence on the Docker engine of this machine, `undefined` when none answers. Servers are not started in it yet.
 */
export async function dockerEngine(): Promise<string | undefined> {
  try {
    const version = await runCommand("docker", ["version", "--format", "{{.Server.Version}}"], {
      deadlineMs: 10_000,
    });
    return `a Docker engine (${version.trim()}) answers but is not used for this registry`;
  } catch {
    return undefined;
  }
}
