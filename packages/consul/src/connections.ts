import { Pool } from "undici";

import type { ResolvedOptions } from "./options.ts";
import type { ServerAddress } from "./server-address.ts";

/** The connections to one server. */
export interface ServerConnections {
  /** For blocking queries, which hold theirs for a minute. */
  readonly blocking: Pool;
  /** For everything else, so that a heartbeat never waits behind a blocking query. */
  readonly control: Pool;
}

const controlConnections = 16;

/** Connections by server, opened when they are needed. */
export class Connections {
  readonly #options: ResolvedOptions;
  readonly #byServer = new Map<ServerAddress, ServerConnections>();

  constructor(options: ResolvedOptions) {
    this.#options = options;
  }

  to(server: ServerAddress): ServerConnections {
    let connections = this.#byServer.get(server);
    if (connections === undefined) {
      connections = {
        blocking: pool(server, this.#options, this.#options.maxConnections),
        control: pool(server, this.#options, controlConnections),
      };
      this.#byServer.set(server, connections);
    }
    return connections;
  }

  /** Breaks every connection; nothing works afterwards. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#byServer.values()].flatMap(({ blocking, control }) => [
        blocking.destroy(),
        control.destroy(),
      ]),
    );
  }
}

function pool(server: ServerAddress, options: ResolvedOptions, connections: number): Pool {
  const { ca, cert, key, serverName, verify } = options.tls ?? {};
  return new Pool(server.origin, {
    connections,
    allowH2: false,
    // The deadline of each call is its own.
    headersTimeout: 0,
    bodyTimeout: options.readMs,
    connect: {
      timeout: options.connectMs,
      ...(server.socketPath === undefined ? {} : { socketPath: server.socketPath }),
      ...(ca === undefined ? {} : { ca: [ca].flat() }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(verify === false ? { rejectUnauthorized: false } : {}),
    },
  });
}
