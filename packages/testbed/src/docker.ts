import { hostname } from "node:os";
import { runCommand } from "./command.ts";

const askDeadlineMs = 15_000;
const fetchDeadlineMs = 900_000;

/** Beside each container: which process it belongs to, so that leftovers can be found. */
export const ownerLabel = "org.rollcall.testbed.pid";
/** Beside each container: `etcd`, `nacos`… */
export const kindLabel = "org.rollcall.testbed.kind";

/** A Docker engine that containers of the testbed can run in. */
export interface DockerEngine {
  readonly version: string;
  /** `--user`: who owns what a container writes into our folders. */
  readonly user: string;
}

let found: Promise<DockerEngine> | undefined;

/**
 * The Docker engine of this machine, looked for once. Containers use this machine's network and folders, so an engine
 * elsewhere is of no use, and neither is Docker Desktop's, which is a virtual machine.
 *
 * @throws Error saying why there is none
 */
export function dockerEngine(): Promise<DockerEngine> {
  found ??= findEngine();
  return found;
}

async function findEngine(): Promise<DockerEngine> {
  if (process.platform !== "linux") throw new Error("Docker's host network needs Linux");
  const said = await docker(["info", "--format", "{{json .}}"]);
  const info = JSON.parse(said.slice(said.indexOf("{"))) as {
    readonly Name?: string;
    readonly ServerVersion?: string;
    readonly OSType?: string;
    readonly SecurityOptions?: readonly string[];
  };
  if (!info.ServerVersion) throw new Error("no Docker engine answers");
  if (info.OSType !== "linux") throw new Error(`the Docker engine runs ${info.OSType} containers`);
  if (info.Name !== hostname()) {
    throw new Error(`the Docker engine is on another host, ${info.Name ?? "without a name"}`);
  }
  await removeLeftovers();
  // There, root is the user who runs the engine.
  const isRootless = info.SecurityOptions?.some((option) => option.includes("rootless")) === true;
  const user = isRootless ? "0:0" : `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  return { version: info.ServerVersion, user };
}

/** Runs a command of Docker; what it printed. */
export function docker(
  args: readonly string[],
  deadlineMs: number = askDeadlineMs,
): Promise<string> {
  return runCommand("docker", args, { deadlineMs });
}

/** Whether the engine has an image already. */
export async function hasImage(name: string): Promise<boolean> {
  return docker(["image", "inspect", "--format", "{{.Id}}", name]).then(
    () => true,
    () => false,
  );
}

/** Fetches an image unless the engine has it. */
export async function pullImage(name: string): Promise<void> {
  if (!(await hasImage(name))) await docker(["pull", "--quiet", name], fetchDeadlineMs);
}

/** Builds an image unless the engine has it. */
export async function buildImage(name: string, context: string): Promise<void> {
  if (await hasImage(name)) return;
  await docker(["build", "--quiet", "--tag", name, context], fetchDeadlineMs);
}

/** Removes a container, whatever it does; one that is gone is fine. */
export async function removeContainer(name: string): Promise<void> {
  await docker(["rm", "--force", "--volumes", name]).catch((error: unknown) => {
    if (!/No such container|already in progress/i.test(String(error))) throw error;
  });
}

/** Removes containers of processes that were killed. */
export async function removeLeftovers(): Promise<void> {
  const format = `{{.Names}} {{.Label "${ownerLabel}"}}`;
  const said = await docker(["ps", "--all", "--filter", `label=${ownerLabel}`, "--format", format]);
  for (const line of said.split("\n")) {
    const [name, pid] = line.trim().split(" ");
    if (name && Number(pid) > 0 && !isAlive(Number(pid))) await removeContainer(name);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
