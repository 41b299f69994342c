import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache-folder.ts";
import { runCommand } from "./command.ts";

/** Where Debian keeps releases that have left the mirrors. */
const archive = "http://archive.debian.org/debian";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const downloadDeadlineMs = 300_000;

/** A program that Debian packages, to be unpacked and run where it lies. */
export interface DebianProgram {
  /** For the cache. */
  readonly name: string;
  /** All that are needed; no dependency is followed. */
  readonly packages: readonly string[];
  /** Releases to try, in this order: a newer one may need a newer libc than this machine has. */
  readonly suites: readonly string[];
  /** Throws when what was unpacked into the folder does not run here; the next release is tried then. */
  readonly check: (folder: string) => Promise<unknown>;
}

/**
 * The folder that Debian's packages are unpacked in, fetched on first use without root and without touching the
 * machine's own packages.
 *
 * @throws Error naming what is missing: apt, dpkg, a Debian mirror, the packages, or that they do not run here
 */
export function debianProgram(program: DebianProgram): Promise<string> {
  const { name, packages, suites, check } = program;
  const key = JSON.stringify([packages, suites, process.arch]);
  return cached(name, createHash("sha256").update(key).digest("hex"), async (draft) => {
    const failures: string[] = [];
    for (const suite of suites) {
      try {
        await unpack(draft, packages, suite);
        // Documentation, icons and the like.
        await rm(join(draft, "usr", "share"), { recursive: true, force: true });
        await check(draft);
        return;
      } catch (error) {
        failures.push(`${suite}: ${(error as Error).message}`);
        await empty(draft);
      }
    }
    throw new Error(`Debian's ${packages.join(", ")} cannot be had here: ${failures.join("; ")}`);
  });
}

/** Fetches with an apt of our own: lists, cache and package states are in a folder that is thrown away. */
async function unpack(folder: string, packages: readonly string[], suite: string): Promise<void> {
  const mirrors = new Set([await ownMirror(), archive]);
  const failures: string[] = [];
  for (const mirror of mirrors) {
    if (mirror === undefined) continue;
    const apt = join(folder, "apt");
    try {
      const config = await privateApt(apt, mirror, suite);
      const within = { cwd: apt, deadlineMs: downloadDeadlineMs };
      const run = (command: string, ...args: readonly string[]): Promise<string> =>
        runCommand("env", [`APT_CONFIG=${config}`, "LC_ALL=C", command, ...args], within);
      await run("apt-get", "-q=2", "update");
      await run("apt-get", "-q=2", "download", ...packages.map((one) => `${one}/${suite}`));
      const files = (await readdir(apt)).filter((file) => file.endsWith(".deb"));
      if (files.length < packages.length) throw new Error("apt-get did not fetch all of them");
      for (const file of files) await run("dpkg-deb", "-x", join(apt, file), folder);
      return;
    } catch (error) {
      failures.push((error as Error).message);
    } finally {
      await rm(apt, { recursive: true, force: true });
    }
  }
  throw new Error(failures.join("; "));
}

/** Makes the folder apt works in; returns the path of its configuration. */
async function privateApt(folder: string, mirror: string, suite: string): Promise<string> {
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

/** The Debian mirror this machine uses; undefined when it names none. */
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

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
