import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder one Nacos server works in: configuration, data, logs. Half a gigabyte once it ran. */
export interface NacosHome {
  readonly folder: string;
  /** Holds `application.properties`; goes on the class path. */
  readonly conf: string;
  remove(): Promise<void>;
}

// Large, so one that is left behind is removed at the end of the process, or by the next.
const prefix = "rollcall-nacos-";
const folders = new Set<string>();
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/**
 * Makes the folder and writes the settings, where no list of processes shows them.
 *
 * @param settingsIn  The settings; they may name the files, which are in the folder `conf`.
 */
export async function createNacosHome(
  settingsIn: (conf: string) => Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): Promise<NacosHome> {
  await removeOrphans();
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  const conf = join(folder, "conf");
  folders.add(folder);
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    folders.delete(folder);
  };
  try {
    await mkdir(conf);
    await mkdir(join(folder, "tmp"));
    const lines = Object.entries(settingsIn(conf)).map(([key, value]) => `${key}=${escape(value)}`);
    const all = { ...files, "application.properties": `${lines.join("\n")}\n` };
    for (const [name, text] of Object.entries(all)) {
      await writeFile(join(conf, name), text, { mode: 0o600 });
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, conf, remove };
}

/** Removes the folders of processes that were killed. */
async function removeOrphans(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : 0;
    if (!(pid > 0) || isAlive(pid)) continue;
    // Another user's is not ours to remove.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A server refuses to start without one, in Base64 and of 32 bytes at least. */
export function tokenSecret(): string {
  return randomBytes(48).toString("base64");
}

/** A value of a Java properties file, which is Latin-1 and knows backslashes. */
function escape(value: string): string {
  return value
    .replaceAll("\\", "\\\\")
    .replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
