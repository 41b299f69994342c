import { DiscoveryError } from "@rollcall/core";

import { Connection } from "../src/client/connection.ts";
import { openSocket } from "../src/client/socket.ts";

/**
 * Ends somebody's session from a second connection, as an administrator's tool would: with the same id and password.
 * It moves the session here first, so its owner loses its connection and then learns that the session is over.
 */
export async function endSession(port: number, id: bigint): Promise<void> {
  const server = { host: "127.0.0.1", port };
  const socket = await openSocket(server, undefined, AbortSignal.timeout(30_000));
  const connection = new Connection(socket, {
    registry: "test",
    server: `127.0.0.1:${port}`,
    requestTimeoutMs: 5_000,
    maxFrameBytes: 2 ** 20,
    onEvent: () => undefined,
  });
  const granted = await connection.greet({ id, password: passwordOf(id), timeoutMs: 5_000 }, 0n);
  if (granted.id !== id) throw new Error("the server does not know the session");
  await connection.endSession(5_000);
  connection.close(
    new DiscoveryError({ code: "CLOSED", registry: "test", operation: "end", reason: "done" }),
  );
}

/** Servers do not remember passwords: they make them of the id, with `java.util.Random` (ZooKeeperServer.java). */
function passwordOf(id: bigint): Buffer {
  const mask = (1n << 48n) - 1n;
  const multiplier = 0x5deece66dn;
  let seed = (id ^ 0xb3415c00n ^ multiplier) & mask;
  const password = Buffer.alloc(16);
  for (let at = 0; at < 16; at += 4) {
    seed = (seed * multiplier + 0xbn) & mask;
    password.writeUInt32LE(Number((seed >> 16n) & 0xffffffffn), at);
  }
  return password;
}
