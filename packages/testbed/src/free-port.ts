import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

// Below the range the kernel takes client ports from (32768 and up on Linux), so that no outgoing connection can
// sit on a port between the look and its use, nor while a stopped server is away.
const lowest = 15_000;
const highest = 31_999;
const given = new Set<number>();

/**
 * A TCP port of 127.0.0.1 that nothing listens on now, for servers that cannot be told to choose one themselves or
 * that must come back on the same one. Never the same twice, neither in this process nor, as long as this one lives,
 * in another.
 *
 * @param companions  Further ports that go with it, as distances from it: `[1000]` for the port and the one a thousand
 *   above.
 */
export async function freePort(companions: readonly number[] = []): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    const all = [port, ...companions.map((distance) => port + distance)];
    if (all.some((one) => one > highest || given.has(one))) continue;
    for (const one of all) given.add(one);
    // Reserved first, and looked at then: the look listens for a moment, where the server of whom the port belongs to
    // may be about to.
    if (all.every(reserve) && (await Promise.all(all.map(isFree))).every(Boolean)) return port;
  }
}

/** Whether a TCP port of 127.0.0.1 can be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}

/**
 * Takes a port before other processes do: between the choice and the listening of a server there are seconds. A file
 * per port holds the number of the process; whose process has ended is taken over.
 */
function reserve(port: number): boolean {
  const folder = join(tmpdir(), `rollcall-ports-${userInfo().uid}`);
  const file = join(folder, String(port));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (isAlive(file)) return false;
      rmSync(file, { force: true });
    }
  }
  return false;
}

function isAlive(file: string): boolean {
  try {
    const text = readFileSync(file, "utf8");
    // Empty: its process is about to write.
    if (text !== "") process.kill(Number(text), 0);
    return true;
  } catch (error) {
    // The process is somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
