import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder one Nacos server works in: configuration, data, logs. Half a gigabyte once it ran. */
export interface NacosHome {
  readonly folder: string;
  /** Holds `application.properties`; goes on the class path. */
  readonly conf: string;
  remove(): Promise<void>;
}

// Large, so not even a run that was interrupted leaves one behind.
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
  const folder = await mkdtemp(join(tmpdir(), "rollcall-nacos-"));
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
