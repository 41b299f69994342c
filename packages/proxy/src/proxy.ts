import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";

import { CallbackErrors } from "./callback-errors.ts";
import { ClientConnection } from "./client/client-connection.ts";
import type { ClientParts } from "./client/client-parts.ts";
import type { OpenClient } from "./client/open-client.ts";
import { SharedReads } from "./client/shared-reads.ts";
import { monotonicMs } from "./clock.ts";
import type {
  ListenAddress,
  ListenOptions,
  Proxy,
  ProxyOptions,
  ProxySettings,
} from "./contract.ts";
import type { ListenTls } from "./contract-tls.ts";
import { ForwardedFields } from "./exchange/forwarded-fields.ts";
import { TrustedProxies } from "./exchange/trusted-proxies.ts";
import { BodyFraming } from "./http1/body-framing.ts";
import { idempotentMethods } from "./http1/methods.ts";
import { type HeadLimits, RequestScan } from "./http1/request-scan.ts";
import { ResponseScan } from "./http1/response-scan.ts";
import { type FullLimits, fullLimits } from "./limits.ts";
import { Listener, type ListenerEvents } from "./listener.ts";
import { checkOptions, checkSettings } from "./option-checks.ts";
import type { BudgetLimits } from "./node/connection-budget.ts";
import type { DialRules } from "./node/dial.ts";
import type { NodeParts } from "./node/node-connection.ts";
import type { PoolLimits } from "./node/node-pool.ts";
import { NodePools } from "./node/node-pools.ts";
import { failureReply } from "./reply.ts";
import { checkTicketSecret } from "./tls/ticket-keys.ts";

/** How often deadlines are looked at, in ms: one timer for all connections, not one for each. */
const sweepMs = 100;

/**
 * Makes a reverse proxy that asks `options.route` where each request goes. Quiet until `listen`.
 *
 * @throws TypeError or RangeError that names the option that cannot be used, what it must be and what it is.
 * @see {@link ProxyOptions} for bounds and defaults.
 */
export function createProxy(options: ProxyOptions): Proxy {
  return new Engine(options);
}

class Engine implements Proxy {
  readonly #options: ProxyOptions;
  readonly #errors: CallbackErrors;
  readonly #dialing: DialRules;
  readonly #forwarded = new ForwardedFields(`rollcall-${randomBytes(4).toString("hex")}`);
  /** Shared with everything that has to do with nodes, and changed in place. */
  readonly #nodeParts: NodeParts;
  readonly #poolLimits: PoolLimits & BudgetLimits;
  #limits: FullLimits;
  /** For clients that connect from now on. */
  #parts: ClientParts;
  readonly #reads: SharedReads;
  readonly #listeners = new Map<string, Listener>();
  readonly #clients = new Set<OpenClient>();
  #ticketSecret: Uint8Array | undefined;
  #sweeping: NodeJS.Timeout | undefined;
  #closing = false;
  /** Who wait until no client is left. */
  #onEmpty: (() => void)[] = [];

  constructor(options: ProxyOptions) {
    checkOptions(options);
    this.#options = options;
    this.#errors = new CallbackErrors(options.onError);
    const limits = fullLimits(options);
    this.#limits = limits;
    this.#reads = new SharedReads(options.reads ?? "shared");
    this.#dialing = {
      allowAddress: this.#guarded(options.allowAddress),
      keepAliveMs: () => this.#limits.tcpKeepAliveMs,
    };
    this.#nodeParts = nodePartsOf(limits);
    this.#poolLimits = poolLimitsOf(limits);
    const { nodeTls } = options;
    const pools = new NodePools(this.#nodeParts, this.#dialing, nodeTls, this.#poolLimits);
    this.#parts = this.#makeParts(options, limits, pools);
  }

  configure(settings: ProxySettings): void {
    checkSettings(settings);
    const limits = fullLimits(settings);
    this.#parts = this.#makeParts(settings, limits, this.#parts.pools);
    this.#limits = limits;
    Object.assign(this.#nodeParts, nodePartsOf(limits));
    Object.assign(this.#poolLimits, poolLimitsOf(limits));
  }

  get inFlight(): number {
    let count = 0;
    for (const client of this.#clients) if (client.isServing) count += 1;
    return count;
  }

  async listen({ host, port, tls }: ListenOptions): Promise<ListenAddress> {
    if (this.#closing) throw new Error("the proxy is closed, and listens no more");
    const listener = new Listener(tls, this.#ticketSecret, this.#reads.enabled, this.#events);
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

  setTicketSecret(secret: Uint8Array): void {
    checkTicketSecret(secret);
    this.#ticketSecret = secret;
    for (const listener of this.#listeners.values()) listener.setTicketSecret(secret);
  }

  async close(options: { readonly drainMs?: number | undefined } = {}): Promise<void> {
    this.#closing = true;
    const closed = [...this.#listeners.values()].map((listener) => listener.close());
    this.#listeners.clear();
    for (const client of this.#clients) client.retire();
    const cut = setTimeout(() => {
      for (const client of this.#clients) client.destroy();
    }, options.drainMs ?? 5_000);
    if (this.#clients.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
    await Promise.all(closed);
    clearTimeout(cut);
    clearInterval(this.#sweeping);
    this.#parts.pools.close();
  }

  /** A throw is a no. */
  #guarded(allows: ProxyOptions["allowAddress"]): ProxyOptions["allowAddress"] {
    if (allows === undefined) return undefined;
    return (address, port) => {
      try {
        return allows(address, port);
      } catch (error) {
        this.#errors.report(error, "allowAddress");
        return false;
      }
    };
  }

  readonly #events: ListenerEvents = {
    accepted: (socket) => this.#accepted(socket),
    plain: (socket, port) => this.#serve(port, socket),
    secured: (socket, transport, port) => {
      this.#handshake("completed");
      this.#serve(port, transport, socket);
    },
    failed: (begun) => {
      if (begun) this.#handshake("failed");
    },
  };

  #handshake(result: "completed" | "failed"): void {
    try {
      this.#options.onHandshake?.(result);
    } catch (error) {
      this.#errors.report(error, "onHandshake");
    }
  }

  #accepted(socket: Socket): boolean {
    const { maxConnections } = this.#limits;
    let open = this.#clients.size;
    if (maxConnections > 0) for (const one of this.#listeners.values()) open += one.handshakes;
    if (!this.#closing && (maxConnections === 0 || open < maxConnections)) return true;
    socket.destroy();
    return false;
  }

  /** @param secure  Speaks TLS over `transport`. */
  #serve(port: number, transport: Socket, secure?: Socket): void {
    if (this.#closing) {
      transport.destroy();
      return;
    }
    const client = new ClientConnection(this.#parts, transport, port, secure !== undefined);
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

  #closed(client: OpenClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) for (const tell of this.#onEmpty.splice(0)) tell();
  }

  #makeParts(settings: ProxySettings, limits: FullLimits, pools: NodePools): ClientParts {
    const options = this.#options;
    const { repeatMethods = idempotentMethods, trustedProxies = [], halfClose } = settings;
    const trusted = new TrustedProxies(trustedProxies, settings.trustedFields);
    const repeated = new Set(repeatMethods);
    return {
      route: (head) => options.route(head),
      onCompleted: options.onCompleted,
      errors: this.#errors,
      describe: (failure) => failureReply(failure, options.describeFailure, this.#errors),
      pools,
      dialing: this.#dialing,
      forwarded: this.#forwarded,
      limits,
      repeats: (method) => repeated.has(method),
      newFraming: framingOf(limits),
      isClosing: () => this.#closing,
      scan: new RequestScan(headLimitsOf(limits)),
      trusted: trustedProxies.length > 0 ? trusted : undefined,
      servesHalfClosed: halfClose === "serve",
      onClosed: (client) => this.#closed(client),
    };
  }
}

function keyOf({ host, port }: ListenAddress): string {
  return `${host} port ${port}`;
}

function headLimitsOf({ maxHeadBytes, maxHeaders }: FullLimits): HeadLimits {
  return { maxBytes: maxHeadBytes, maxFields: maxHeaders };
}

function framingOf(limits: FullLimits): () => BodyFraming {
  return () => new BodyFraming(limits);
}

function nodePartsOf(limits: FullLimits): NodeParts {
  return {
    scan: new ResponseScan(headLimitsOf(limits)),
    newFraming: framingOf(limits),
    maxInformational: limits.maxInformational,
    maxHeadBytes: limits.maxHeadBytes,
  };
}

function poolLimitsOf(limits: FullLimits): PoolLimits & BudgetLimits {
  return {
    maxIdle: limits.maxIdlePerNode,
    idleTimeoutMs: limits.nodeIdleTimeoutMs,
    maxConnections: limits.maxConnectionsPerNode,
    maxWaiting: limits.maxQueuePerNode,
    maxTotal: limits.maxNodeConnections,
  };
}
