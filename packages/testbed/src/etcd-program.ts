import { join } from "node:path";
import { runCommand } from "./command.ts";
import { runInContainer } from "./container.ts";
import { debianProgram } from "./debian-package.ts";
import { type ImageInEngine, imageInEngine, type Lane, laneOf } from "./lane.ts";

/** The server and its command-line client. */
export interface EtcdProgram {
  /** Path of `etcd`, in the image when there is one. */
  readonly etcd: string;
  /** `3.5.16`. */
  readonly version: string;
  readonly image: ImageInEngine | undefined;
  /**
   * Runs etcdctl; what it printed.
   *
   * @param env as `ETCDCTL_ENDPOINTS`
   * @param folders that it may read
   */
  etcdctl(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    folders?: readonly string[],
  ): Promise<string>;
}

/**
 * etcd: its image, or Debian's packages of the release that `ROLLCALL_ETCD_SUITE` names or of the newest one that
 * runs here. Fetched on first use.
 *
 * @throws Error saying what is missing
 */
export function etcdProgram(lane: Lane = laneOf("etcd")): Promise<EtcdProgram> {
  return lane === "docker" ? fromImage() : fromDebian();
}

async function fromImage(): Promise<EtcdProgram> {
  const suite = process.env["ROLLCALL_ETCD_SUITE"];
  if (suite) throw new Error(`ROLLCALL_ETCD_SUITE asks for Debian's ${suite}`);
  const image = await imageInEngine("etcd");
  const folder = "/usr/local/bin";
  return {
    etcd: join(folder, "etcd"),
    version: image.version,
    image,
    etcdctl: (args, env, folders) => {
      const container = { engine: image.engine, kind: "etcdctl", image: image.name, folders, env };
      return runInContainer(container, join(folder, "etcdctl"), args);
    },
  };
}

async function fromDebian(): Promise<EtcdProgram> {
  const suite = process.env["ROLLCALL_ETCD_SUITE"];
  const folder = await debianProgram({
    name: "etcd",
    packages: ["etcd-server", "etcd-client"],
    suites: suite ? [suite] : ["trixie", "bookworm"],
    check: async (draft) => {
      await versionOf(draft);
      await runCommand(executable(draft, "etcdctl"), ["version"]);
    },
  });
  return {
    etcd: executable(folder, "etcd"),
    version: await versionOf(folder),
    image: undefined,
    etcdctl: (args, env) =>
      runCommand(executable(folder, "etcdctl"), args, { env: { ...process.env, ...env } }),
  };
}

function executable(folder: string, name: string): string {
  return join(folder, "usr", "bin", name);
}

async function versionOf(folder: string): Promise<string> {
  const said = await runCommand(executable(folder, "etcd"), ["--version"]);
  const version = /etcd Version: (\d+\.\d+\.\d+)/.exec(said)?.[1];
  if (version === undefined) throw new Error(`etcd does not tell its version: ${said.trim()}`);
  return version;
}
