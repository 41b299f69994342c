import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";

const lockDeadlineMs = 900_000;

/** Where downloaded servers are kept: `ROLLCALL_CACHE`, or `~/.cache/rollcall`. */
export function cacheRoot(): string {
  return process.env["ROLLCALL_CACHE"] || join(homedir(), ".cache", "rollcall");
}

/**
 * A folder that is built once per key and then only read. A build that fails or is killed leaves nothing a later
 * run would take for finished; two processes that want the same folder build it once.
 *
 * @param name the folder's readable part
 * @param key a hash of all that the content depends on
 * @param build fills the folder given to it
 * @returns the finished folder
 * @throws what `build` throws; nothing is kept then
 */
export async function cached(
  name: string,
  key: string,
  build: (folder: string) => Promise<void>,
): Promise<string> {
  const root = cacheRoot();
  const finished = join(root, `${name}-${key.slice(0, 16)}`);
  if (existsSync(finished)) return finished;
  await mkdir(root, { recursive: true });
  await using lock = await lockFile(`${finished}.lock`);
  // Someone else may have finished it while we waited.
  if (existsSync(finished)) return finished;
  const draft = join(root, `.${name}-${lock.owner}`);
  try {
    await mkdir(draft);
    await build(draft);
    await rename(draft, finished).catch((error: unknown) => {
      if (!existsSync(finished)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return finished;
}

// The lock only saves double work: should two processes break a dead one's lock at once, both build, and the first
// rename wins.
async function lockFile(path: string): Promise<AsyncDisposable & { owner: string }> {
  await until(async () => (await create(path)) || (await breakIfDead(path)), {
    what: `the lock ${path}`,
    deadlineMs: lockDeadlineMs,
    everyMs: 200,
  });
  return {
    owner: randomUUID(),
    [Symbol.asyncDispose]: () => rm(path, { force: true }),
  };
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function breakIfDead(path: string): Promise<false> {
  const pid = Number(await readFile(path, "utf8"));
  if (pid > 0 && !isAlive(pid)) await rm(path, { force: true });
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
