import { connect, createServer, type Server, type Socket } from "node:net";

import { freePort, isFree } from "@rollcall/testbed";

import type { Wire } from "./side.ts";
import { wireCounter } from "./wire-counter.ts";

/** A TCP proxy that counts what clients ask through it. */
export interface CountingProxy extends AsyncDisposable {
  /** Takes the place of the server's own. */
  readonly url: string;
  /** Connections open now. */
  readonly connections: number;
  /** Requests so far; see {@link wireCounter}. */
  readonly requests: number;
  /** Sent by clients so far. */
  readonly bytes: number;
}

/** Starts one in front of a server on loopback, for all ports it has, at the same distances. */
export async function countingProxy(target: {
  readonly url: string;
  readonly ports: readonly { readonly offset: number; readonly wire: Wire }[];
}): Promise<CountingProxy> {
  const url = new URL(target.url);
  const [from, to] = [Number(url.port), await freePorts(target.ports.map(({ offset }) => offset))];
  const sockets = new Set<Socket>();
  const counts = { connections: 0, requests: 0, bytes: 0 };
  const servers = target.ports.map(({ offset, wire }) => {
    const server = createServer({ noDelay: true }, (client) => {
      const upstream = connect({ host: "127.0.0.1", port: from + offset, noDelay: true });
      const counter = wireCounter(wire);
      counts.connections += 1;
      client.on("data", (piece) => {
        counts.requests += counter.push(piece);
        counts.bytes += piece.length;
      });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(one);
        one.on("error", () => other.destroy());
        one.pipe(other);
      }
      client.once("close", () => {
        counts.connections -= 1;
        sockets.delete(client);
        sockets.delete(upstream);
        upstream.destroy();
      });
      upstream.once("close", () => client.destroy());
    });
    return { server, port: to + offset };
  });
  for (const { server, port } of servers) {
    await new Promise<void>((resolve) =>
      server.listen({ port, host: "127.0.0.1", backlog: 4_096 }, resolve),
    );
  }
  url.port = String(to);
  return {
    url: url.href.replace(/\/$/, target.url.endsWith("/") ? "/" : ""),
    get connections() {
      return counts.connections;
    },
    get requests() {
      return counts.requests;
    },
    get bytes() {
      return counts.bytes;
    },
    async [Symbol.asyncDispose]() {
      const closed = servers.map(({ server }) => closing(server));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

function closing(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A port whose companions are free as well. */
async function freePorts(offsets: readonly number[]): Promise<number> {
  for (;;) {
    const port = await freePort();
    // Above, some would be among the kernel's own.
    if (port + Math.max(...offsets) > 32_000) continue;
    const others = offsets.filter((offset) => offset !== 0).map((offset) => isFree(port + offset));
    if ((await Promise.all(others)).every(Boolean)) return port;
  }
}
