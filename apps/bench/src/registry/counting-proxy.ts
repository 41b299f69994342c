import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy that counts what clients send through it. */
export interface CountingProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections open now. */
  readonly connections: number;
  /** Pieces of data clients sent: a request each, for they are small. */
  readonly requests: number;
}

/** Starts one in front of a server on loopback. */
export async function countingProxy(target: number): Promise<CountingProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let requests = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: "127.0.0.1", port: target, noDelay: true });
    connections += 1;
    client.on("data", () => (requests += 1));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.pipe(other);
    }
    client.once("close", () => {
      connections -= 1;
      sockets.delete(client);
      sockets.delete(upstream);
      upstream.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
