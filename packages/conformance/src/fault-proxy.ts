import { createServer, type AddressInfo, type Socket } from "node:net";

import { type FaultMode, type FaultTarget, FaultyConnection } from "./faulty-connection.ts";
import type { Faults } from "./faults.ts";

/** A TCP proxy on loopback that can be told to misbehave. */
export interface FaultProxy extends Faults, AsyncDisposable {
  /** `127.0.0.1`. */
  readonly host: string;
  /** A free port, kept until `close`, during `refuse` too. */
  readonly port: number;
  /** Client connections open now. */
  readonly connections: number;
  /** Client connections accepted so far, those that were refused included. */
  readonly accepted: number;
  /** Adds a latency to every chunk, each way, in ms, until `restore`; order and throughput are kept. */
  delay(delayMs: number): void;
  /** Resets all connections and frees the port. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts a proxy in front of `target`.
 *
 * Refusing is done by accepting and resetting at once: a listener that was closed could not be sure to
 * get its port back. A client therefore sees `ECONNRESET` where a dead server gives `ECONNREFUSED`.
 *
 * @param target  Where to forward; a function is asked for each connection, so a backend may move.
 */
export async function faultProxy(target: FaultTarget | (() => FaultTarget)): Promise<FaultProxy> {
  const open = new Set<FaultyConnection>();
  let mode: FaultMode = "pass";
  let latencyMs = 0;
  let accepted = 0;
  let closed: Promise<void> | undefined;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client: Socket) => {
    accepted += 1;
    if (mode === "refuse") {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const { host, port } = typeof target === "function" ? target() : target;
    const connection = new FaultyConnection(client, { host, port }, () => open.delete(connection));
    open.add(connection);
    connection.become(mode, latencyMs);
  });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const { address: host, port } = server.address() as AddressInfo;

  const become = (next: FaultMode): void => {
    mode = next;
    for (const connection of open) connection.become(mode, latencyMs);
  };
  const cut = (): void => {
    for (const connection of open) connection.reset();
  };
  const close = (): Promise<void> => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve());
      cut();
    });
    return closed;
  };

  return {
    host,
    port,
    get connections() {
      return [...open].filter((connection) => connection.hasClient).length;
    },
    get accepted() {
      return accepted;
    },
    refuse() {
      become("refuse");
      cut();
    },
    stall: () => become("stall"),
    cut,
    halfOpen: () => become("halfOpen"),
    delay(delayMs) {
      latencyMs = delayMs;
      become(mode);
    },
    restore() {
      latencyMs = 0;
      become("pass");
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
