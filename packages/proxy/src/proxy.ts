import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

import { ClientConnection, type ClientParts } from "./client/client-connection.ts";
import { SharedReads } from "./client/shared-reads.ts";
import { monotonicMs } from "./clock.ts";
import type { ListenAddress, Proxy, ProxyOptions } from "./contract.ts";
import { ForwardedFields } from "./exchange/forwarded-fields.ts";
import { BodyFraming } from "./http1/body-framing.ts";
import { RequestScan } from "./http1/request-scan.ts";
import { ResponseScan } from "./http1/response-scan.ts";
import { NodePools } from "./node/node-pools.ts";
import { defaultReply } from "./reply.ts";

/** How often deadlines are looked at, in ms: one timer for all connections, not one for each. */
const sweepMs = 100;

/**
 * Makes a reverse proxy that asks `options.route` where each request goes. Quiet until `listen`.
 *
 * @see {@link ProxyOptions} for bounds and defaults.
 */
export function createProxy(options: ProxyOptions): Proxy {
  return new Engine(options);
}

class Engine implements Proxy {
  readonly #options: ProxyOptions;
  readonly #parts: ClientParts;
  readonly #reads: SharedReads;
  readonly #servers = new Set<Server>();
  readonly #clients = new Set<ClientConnection>();
  #sweeping: NodeJS.Timeout | undefined;
  #closing = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#reads = new SharedReads(options.reads ?? "shared");
    this.#parts = this.#makeParts();
  }

  get inFlight(): number {
    let count = 0;
    for (const client of this.#clients) if (client.isServing) count += 1;
    return count;
  }

  async listen({ host, port }: ListenAddress): Promise<ListenAddress> {
    const server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, pauseOnConnect: this.#reads.enabled },
      (socket) => this.#accept(socket),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const { reusePort = false } = this.#options;
      server.listen({ host, port, backlog: 4_096, reusePort }, resolve);
    });
    this.#servers.add(server);
    this.#sweeping ??= setInterval(() => this.#sweep(), sweepMs).unref();
    const address = server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  async close(options: { readonly drainMs?: number | undefined } = {}): Promise<void> {
    this.#closing = true;
    const closed = [...this.#servers].map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#servers.clear();
    for (const client of this.#clients) client.retire();
    const cut = setTimeout(() => {
      for (const client of this.#clients) client.destroy();
    }, options.drainMs ?? 5_000);
    if (this.#clients.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    await Promise.all(closed);
    clearTimeout(cut);
    clearInterval(this.#sweeping);
    this.#parts.pools.close();
  }

  #accept(accepted: Socket): void {
    const { maxConnections = 0 } = this.#options;
    if (this.#closing || (maxConnections > 0 && this.#clients.size >= maxConnections)) {
      accepted.destroy();
      return;
    }
    const client = new ClientConnection(this.#parts, accepted, false);
    this.#clients.add(client);
    client.attach(this.#reads.adopt(accepted, (bytes, length) => client.onBytes(bytes, length)));
  }

  #sweep(): void {
    const nowMs = monotonicMs();
    for (const client of this.#clients) client.sweep(nowMs);
    this.#parts.pools.sweep(nowMs);
  }

  #closed(client: ClientConnection): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#onEmpty?.();
  }

  #makeParts(): ClientParts {
    const options = this.#options;
    const maxHeadBytes = options.maxHeadBytes ?? 32_768;
    const headLimits = { maxBytes: maxHeadBytes, maxFields: options.maxHeaders ?? 128 };
    const chunkLimits = {
      maxExtensionBytes: options.maxExtensionBytes ?? 4_096,
      maxTrailerBytes: options.maxTrailerBytes ?? 8_192,
    };
    const newFraming = (): BodyFraming => new BodyFraming(chunkLimits);
    const dialing = { tls: options.nodeTls, allowAddress: options.allowAddress };
    const nodeParts = {
      scan: new ResponseScan(headLimits),
      newFraming,
      maxInformational: options.maxInformational ?? 16,
    };
    return {
      route: (head) => options.route(head),
      onCompleted: options.onCompleted,
      describe: (failure) => options.describeFailure?.(failure) ?? defaultReply(failure),
      pools: new NodePools(nodeParts, dialing, {
        maxIdle: options.maxIdlePerNode ?? 320,
        idleTimeoutMs: options.nodeIdleTimeoutMs ?? 60_000,
        maxConnections: options.maxConnectionsPerNode ?? 0,
        maxWaiting: options.maxQueuePerNode ?? 1_024,
      }),
      dialing,
      forwarded: new ForwardedFields(`rollcall-${randomBytes(4).toString("hex")}`),
      limits: {
        maxBodyBytes: options.maxBodyBytes ?? Infinity,
        bodyTimeoutMs: options.bodyTimeoutMs ?? 60_000,
        clientSendTimeoutMs: options.clientSendTimeoutMs ?? 60_000,
        totalTimeoutMs: options.totalTimeoutMs ?? 0,
        maxRequestsPerConnection: options.maxRequestsPerConnection ?? 0,
        queueTimeoutMs: options.queueTimeoutMs ?? 5_000,
        lingerMs: 2_000,
        discardMs: 30_000,
      },
      newFraming,
      isClosing: () => this.#closing,
      scan: new RequestScan(headLimits),
      headTimeoutMs: options.headTimeoutMs ?? 60_000,
      idleTimeoutMs: options.idleTimeoutMs ?? 75_000,
      maxHeadBytes,
      onClosed: (client) => this.#closed(client),
    };
  }
}
