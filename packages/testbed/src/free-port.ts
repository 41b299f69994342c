import { createServer } from "node:net";

// Below the range the kernel takes client ports from (32768 and up on Linux), so that no outgoing connection can
// sit on a port between the look and its use, nor while a stopped server is away.
const lowest = 15_000;
const highest = 31_999;
const given = new Set<number>();

/**
 * A TCP port of 127.0.0.1 that nothing listens on now, for servers that cannot be told to choose one themselves or
 * that must come back on the same one. Never the same twice in a process.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
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
