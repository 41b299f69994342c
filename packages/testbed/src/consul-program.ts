import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache-folder.ts";
import { runCommand } from "./command.ts";

/** The last Debian release that carries Consul. */
const suite = "bullseye";
const packageName = "consul";
/** Where Debian keeps releases that have left the mirrors. */
const archive = "http://archive.debian.org/debian";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const downloadDeadlineMs = 300_000;

/** The Consul agent, unpacked. */
export interface ConsulProgram {
  /** Path of the executable. */
  readonly command: string;
  /** `1.8.7`. */
  readonly version: string;
}

/**
 * The agent from Debian's package, fetched on first use without root and without touching the machine's own packages.
 *
 * @throws Error saying what is missing: apt, a Debian source, the package, or that it does not run here
 */
export async function consulProgram(): Promise<ConsulProgram> {
  const key = createHash("sha256").update(`${packageName}/${suite}/${process.arch}`).digest("hex");
  const folder = await cached(packageName, key, async (draft) => {
    await unpackPackage(draft);
    // Documentation, icons and the like.
    await rm(join(draft, "usr", "share"), { recursive: true, force: true });
    await versionOf(draft);
  });
  return { command: executable(folder), version: await versionOf(folder) };
}

function executable(folder: string): string {
  return join(folder, "usr", "bin", packageName);
}

async function versionOf(folder: string): Promise<string> {
  const said = await runCommand(executable(folder), ["version"]);
  const version = /Consul v?(\d+\.\d+\.\d+)/.exec(said)?.[1];
  if (version === undefined) throw new Error(`consul does not tell its version: ${said.trim()}`);
  return version;
}

/** Fetches the package with an apt of our own (lists, cache and package states are in a folder that is thrown away). */
async function unpackPackage(folder: string): Promise<void> {
  const failures: unknown[] = [];
  for (const mirror of [await ownMirror(), archive]) {
    if (mirror === undefined) continue;
    const apt = join(folder, "apt");
    try {
      const config = await privateApt(apt, mirror);
      const withConfig = { cwd: apt, deadlineMs: downloadDeadlineMs };
      const run = (command: string, ...args: readonly string[]): Promise<string> =>
        runCommand("env", [`APT_CONFIG=${config}`, "LC_ALL=C", command, ...args], withConfig);
      await run("apt-get", "-q=2", "update");
      await run("apt-get", "-q=2", "download", `${packageName}/${suite}`);
      const file = (await readdir(apt)).find((name) => name.endsWith(".deb"));
      if (file === undefined) throw new Error(`apt-get fetched no ${packageName}`);
      await run("dpkg-deb", "-x", join(apt, file), folder);
      return;
    } catch (error) {
      failures.push(error);
    } finally {
      await rm(apt, { recursive: true, force: true });
    }
  }
  const reasons = failures.map((error) => (error as Error).message).join("; ");
  throw new Error(`the Debian package ${packageName}/${suite} could not be fetched: ${reasons}`);
}

/** Makes the folder apt works in; returns the path of its configuration. */
async function privateApt(folder: string, mirror: string): Promise<string> {
  const parts = join(folder, "parts");
  for (const one of ["lists/partial", "cache/archives/partial", "parts"]) {
    await mkdir(join(folder, one), { recursive: true });
  }
  await writeFile(join(folder, "status"), "");
  await writeFile(
    join(folder, "sources.list"),
    `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`,
  );
  await copyMachineOptions(parts);
  const config = join(folder, "apt.conf");
  const settings: Readonly<Record<string, string>> = {
    "Dir::Etc::parts": parts,
    "Dir::Etc::main": "/dev/null",
    "Dir::Etc::sourcelist": join(folder, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State": folder,
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::Log": folder,
    // As root apt would drop to a user who may not write here.
    "APT::Sandbox::User": "",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
    // An archived release is not signed anew, so its lists count as expired.
    "Acquire::Check-Valid-Until": "false",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  await writeFile(config, `${lines.join("\n")}\n`);
  return config;
}

/** The machine's proxies and certificates apply; its hooks do not. */
async function copyMachineOptions(parts: string): Promise<void> {
  const folder = "/etc/apt/apt.conf.d";
  const names = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  for (const [index, file] of ["/etc/apt/apt.conf", ...names].entries()) {
    const content = await readFile(file, "utf8").catch(() => undefined);
    if (content === undefined || content.includes("Invoke")) continue;
    await copyFile(file, join(parts, `${String(index).padStart(3, "0")}-machine.conf`));
  }
}

/** The Debian mirror this machine uses; undefined when it is no Debian. */
async function ownMirror(): Promise<string | undefined> {
  const folder = "/etc/apt/sources.list.d";
  const names = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  for (const file of ["/etc/apt/sources.list", ...names.toSorted()]) {
    const content = await readFile(file, "utf8").catch(() => "");
    const line =
      /^URIs:\s*(\S+\/debian)\/?(?:\s|$)/m.exec(content) ??
      /^deb\s+(?:\[[^\]]*\]\s+)?(\S+\/debian)\/?\s/m.exec(content);
    if (line?.[1] !== undefined) return line[1];
  }
  return undefined;
}
