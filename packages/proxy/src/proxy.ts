import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";

import { ClientConnection, type ClientParts } from "./client/client-connection.ts";
import { SharedReads } from "./client/shared-reads.ts";
import { monotonicMs } from "./clock.ts";
import type { ListenAddress, ListenOptions, ListenTls, Proxy, ProxyOptions } from "./contract.ts";
import { ForwardedFields } from "./exchange/forwarded-fields.ts";
import { BodyFraming } from "./http1/body-framing.ts";
import { RequestScan } from "./http1/request-scan.ts";
import { ResponseScan } from "./http1/response-scan.ts";
import { Listener, type ListenerEvents } from "./listener.ts";
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
  readonly #listeners = new Map<string, Listener>();
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

  async listen({ host, port, tls }: ListenOptions): Promise<ListenAddress> {
    const listener = new Listener(tls, this.#reads.enabled, this.#events);
    const { reusePort = false } = this.#options;
    const bound = await listener.open({ host, port }, reusePort);
    this.#listeners.set(keyOf(bound), listener);
    this.#sweeping ??= setInterval(() => this.#sweep(), sweepMs).unref();
    return bound;
  }

  setTls(address: ListenAddress, tls: ListenTls | undefined): void {
    const listener = this.#listeners.get(keyOf(address));
    if (listener === undefined) throw new TypeError(`nothing listens on ${keyOf(address)}`);
    listener.setTls(tls);
  }

  async close(options: { readonly drainMs?: number | undefined } = {}): Promise<void> {
    this.#closing = true;
    const closed = [...this.#listeners.values()].map((listener) => listener.close());
    this.#listeners.clear();
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

  readonly #events: ListenerEvents = {
    accepted: (socket) => this.#accepted(socket),
    plain: (socket) => this.#serve(socket),
    secured: (socket, transport) => {
      this.#options.onHandshake?.("completed");
      this.#serve(transport, socket);
    },
    failed: (begun) => {
      if (begun) this.#options.onHandshake?.("failed");
    },
  };

  #accepted(socket: Socket): boolean {
    const { maxConnections = 0 } = this.#options;
    let open = this.#clients.size;
    if (maxConnections > 0) for (const one of this.#listeners.values()) open += one.handshakes;
    if (!this.#closing && (maxConnections === 0 || open < maxConnections)) return true;
    socket.destroy();
    return false;
  }

  /** @param secure  Speaks TLS over `transport`. */
  #serve(transport: Socket, secure?: Socket): void {
    if (this.#closing) {
      transport.destroy();
      return;
    }
    const client = new ClientConnection(this.#parts, transport, secure !== undefined);
    this.#clients.add(client);
    const onBytes = (bytes: Buffer, length: number): void => client.onBytes(bytes, length);
    if (secure === undefined) client.attach(this.#reads.adopt(transport, onBytes));
    else client.attach(this.#reads.listen(secure, onBytes));
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
    const dialing = { allowAddress: options.allowAddress };
    const nodeParts = {
      scan: new ResponseScan(headLimits),
      newFraming,
      maxInformational: options.maxInformational ?? 16,
    };
    return {
      route: (head) => options.route(head),
      onCompleted: options.onCompleted,
      describe: (failure) => options.describeFailure?.(failure) ?? defaultReply(failure),
      pools: new NodePools(nodeParts, dialing, options.nodeTls, {
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

function keyOf({ host, port }: ListenAddress): string {
  return `${host} port ${port}`;
}
