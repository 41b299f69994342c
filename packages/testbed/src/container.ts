import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { runCommand } from "./command.ts";
import { docker, type DockerEngine, kindLabel, ownerLabel, removeContainer } from "./docker.ts";
import {
  type ServerProcess,
  type ServerProcessOptions,
  startServerProcess,
} from "./server-process.ts";

const stopSeconds = 15;
const commandDeadlineMs = 60_000;

/** The container that a server's command runs in, instead of this machine itself. */
export interface ContainerOptions {
  readonly engine: DockerEngine;
  /** For its name and its label. */
  readonly kind: string;
  readonly image: string;
  /** Folders of this machine, to be read and written under the same paths. */
  readonly folders?: readonly string[] | undefined;
  /** More environment; values are not seen in lists of processes. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

const running = new Set<string>();
process.on("exit", () => {
  if (running.size > 0) spawnSync("docker", ["rm", "--force", "--volumes", ...running]);
});

/**
 * Starts a server in a container and waits until it serves. It has this machine's network, so that addresses and ports
 * mean what they mean natively: for clients, for members of a cluster, and for an agent that checks a service of ours.
 * A crash is `docker kill`, a freeze `docker pause`; what it wrote into our folders stays.
 *
 * @throws Error as {@link startServerProcess} does; the container is removed then.
 */
export async function startContainer(
  container: ContainerOptions,
  options: ServerProcessOptions,
): Promise<ServerProcess> {
  const name = `rollcall-${container.kind}-${randomBytes(6).toString("hex")}`;
  running.add(name);
  const remove = async (): Promise<void> => {
    await removeContainer(name);
    running.delete(name);
  };
  try {
    const client = await startServerProcess({
      ...options,
      command: "docker",
      args: ["run", `--name=${name}`, ...runFlags(container, options.command), ...options.args],
      env: { ...process.env, ...container.env },
    });
    return controls(client, name, remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Runs one command in a container of its own to its end; what it printed.
 *
 * @throws Error with what it printed when it fails.
 */
export function runInContainer(
  container: ContainerOptions,
  command: string,
  args: readonly string[],
): Promise<string> {
  return runCommand("docker", ["run", ...runFlags(container, command), ...args], {
    deadlineMs: commandDeadlineMs,
    env: { ...process.env, ...container.env },
  });
}

function runFlags(
  { engine, kind, image, folders, env }: ContainerOptions,
  command: string,
): string[] {
  return [
    "--rm",
    // Its standard input ends with us: a sign for servers that look there.
    "--interactive",
    "--network=host",
    `--user=${engine.user}`,
    `--label=${kindLabel}=${kind}`,
    `--label=${ownerLabel}=${process.pid}`,
    ...(folders ?? []).map((folder) => `--volume=${folder}:${folder}`),
    // The value is taken from the environment of the command itself.
    ...Object.keys(env ?? {}).map((key) => `--env=${key}`),
    `--entrypoint=${command}`,
    image,
  ];
}

/** What is done to the client of Docker for a process is done to the container. */
function controls(client: ServerProcess, name: string, remove: () => Promise<void>): ServerProcess {
  let isPaused = false;
  const resume = (): void => {
    if (!isPaused) return;
    isPaused = false;
    // Nothing to thaw when it ended meanwhile.
    spawnSync("docker", ["unpause", name]);
  };
  const kill = async (): Promise<void> => {
    resume();
    await docker(["kill", name]).catch(() => undefined);
    await remove();
    await client.kill();
  };
  const stop = async (): Promise<void> => {
    resume();
    const deadlineMs = (stopSeconds + 15) * 1000;
    await docker(["stop", "-t", String(stopSeconds), name], deadlineMs).catch(() => undefined);
    await kill();
  };
  return {
    pid: client.pid,
    logTail: () => client.logTail(),
    stop,
    kill,
    pause: async () => {
      await docker(["pause", name]);
      isPaused = true;
    },
    resume,
    [Symbol.asyncDispose]: stop,
  };
}
