import { type AddressInfo, connect, createServer, type NetConnectOpts } from "node:net";

import type { UpstreamNode } from "../../src/index.ts";

/** A node that hands every byte on to another server, and remembers them by connection. */
export interface Recorder extends UpstreamNode, AsyncDisposable {
  /** What was sent over each connection, latin1, the oldest first. */
  readonly sent: readonly string[];
}

/** Stands before the server at `target`. */
export async function recordBefore(target: NetConnectOpts): Promise<Recorder> {
  const sent: string[] = [];
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    const index = sent.push("") - 1;
    const further = connect(target);
    for (const one of [socket, further]) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.once("close", () => sockets.delete(one));
    }
    socket.once("close", () => further.destroy());
    further.once("close", () => socket.destroy());
    socket.on("data", (bytes) => {
      sent[index] += bytes.toString("latin1");
      further.write(bytes);
    });
    further.on("data", (bytes) => socket.write(bytes));
    socket.once("end", () => further.end());
    further.once("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    secure: false,
    sent,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
