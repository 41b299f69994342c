import { join } from "node:path";
import { runCommand } from "./command.ts";
import { debianProgram } from "./debian-package.ts";

/** The server and its command-line client. */
export interface EtcdProgram {
  /** Path of `etcd`. */
  readonly etcd: string;
  /** Path of `etcdctl`. */
  readonly etcdctl: string;
  /** `3.5.16`. */
  readonly version: string;
}

/**
 * etcd from Debian's packages, fetched on first use: of the release that `ROLLCALL_ETCD_SUITE` names, or of the
 * newest one that runs here.
 *
 * @throws Error saying what is missing
 */
export async function etcdProgram(): Promise<EtcdProgram> {
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
    etcdctl: executable(folder, "etcdctl"),
    version: await versionOf(folder),
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
