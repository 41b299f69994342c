import { asDiscoveryError, DiscoveryError } from "@rollcall/core";
import { type Backoff, createBackoff, holdProcess, sleep } from "@rollcall/core/adapter";

import { Connection, type SessionTicket } from "./connection.ts";
import { type Abilities, Link, Listeners } from "./link.ts";
import { logIn, type Login } from "./login.ts";
import { type Server, serverName } from "./server-list.ts";
import { openSocket, type SocketTls } from "./socket.ts";

/** What a session needs to find and to keep its place. */
export interface SessionOptions {
  /** Name of the registry, for errors. */
  readonly registry: string;
  readonly servers: readonly Server[];
  /** What is asked for; the server may grant another. */
  readonly timeoutMs: number;
  /** For one server: connection, TLS, greeting and log-in together. */
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly logins: readonly Login[];
  readonly tls: SocketTls | undefined;
}

/**
 * - `idle`: no session, and nobody wants one.
 * - `connecting`: a first session is being asked for.
 * - `connected`: there is a {@link Link}.
 * - `suspended`: the connection is lost; the session may live on, and is being taken up again.
 * - `expired`: a server said that the session is over; a new one is being asked for.
 * - `closed`: for good.
 */
export type SessionState = "idle" | "connecting" | "connected" | "suspended" | "expired" | "closed";

const noSession = { id: 0n, password: Buffer.alloc(16) } as const;
/** Bounds of the wait between two rounds over all servers, in ms. */
const backoffBounds = { baseMs: 100, capMs: 2_000 };
/** How long a server may take to confirm the end of a session, in ms. */
const endTimeoutMs = 1_000;

/**
 * One session with an ensemble, over as many connections as it takes.
 *
 * Opened when a link is asked for. Once it stands, it is kept: a lost connection is replaced, an expired session
 * followed by a new one. Only a server can tell that a session has expired; {@link Session.isAlive} is what can be
 * known without one.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #closing = new AbortController();
  readonly #backoff: Backoff;
  readonly #abilities: Abilities = { recursiveWatches: true };
  readonly #waiting = new Set<PromiseWithResolvers<Link>>();
  #state: SessionState = "idle";
  #link: Link | undefined;
  #connection: Connection | undefined;
  #ticket: SessionTicket;
  #zxid = 0n;
  /** Index of the server to begin a round with: chosen at random, then the one that worked. */
  #first: number;
  #running: Promise<void> | undefined;
  /** No round begins before, on the monotonic clock. */
  #nextRoundAtMs = 0;
  #grantedMs = 0;
  #heardAtMs = 0;
  /** Servers that ended a connection without a word, in the round under way. */
  #hangUps = 0;
  #closed: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#ticket = { ...noSession, timeoutMs: options.timeoutMs };
    this.#first = Math.floor(Math.random() * options.servers.length);
    this.#backoff = createBackoff(backoffBounds);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** 0n while there is none. */
  get id(): bigint {
    return this.#ticket.id;
  }

  /** The link there is now; undefined while there is none. */
  get current(): Link | undefined {
    return this.#link;
  }

  /** Whether the servers must still have the session: one was heard within its time. */
  get isAlive(): boolean {
    if (this.#ticket.id === 0n) return false;
    const heardAtMs = this.#connection?.heardAtMs ?? this.#heardAtMs;
    return performance.now() - heardAtMs < this.#grantedMs;
  }

  /**
   * The link, once there is one.
   *
   * @throws {@link DiscoveryError} why no server would have us, after one round over all of them; the signal's
   *   reason.
   */
  async link(signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    if (this.#link !== undefined) return this.#link;
    const waiting = Promise.withResolvers<Link>();
    const aborted = (): void => waiting.reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    this.#waiting.add(waiting);
    this.#running ??= this.#run();
    const release = holdProcess();
    try {
      return await waiting.promise;
    } finally {
      release();
      this.#waiting.delete(waiting);
      signal.removeEventListener("abort", aborted);
    }
  }

  /** Ends the session, politely when a server listens. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const reason = new DiscoveryError({
      code: "CLOSED",
      registry: this.#options.registry,
      operation: "use",
      reason: "the session is closed",
    });
    this.#closing.abort(reason);
    this.#rejectAll(reason);
    await this.#link?.endSession(endTimeoutMs);
    await this.#running;
    this.#ticket = { ...noSession, timeoutMs: 0 };
    this.#state = "closed";
  }

  /** Runs as long as there is a session to keep or somebody who wants one. */
  async #run(): Promise<void> {
    const { signal } = this.#closing;
    try {
      while (!signal.aborted && (this.#ticket.id !== 0n || this.#waiting.size > 0)) {
        await sleep(this.#nextRoundAtMs - performance.now(), signal);
        await this.#round();
        const link = this.#link;
        if (link === undefined) continue;
        const openedAtMs = performance.now();
        await aborted(link.lost);
        this.#suspend();
        this.#pace(performance.now() - openedAtMs);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#running = undefined;
      if (!signal.aborted && this.#ticket.id === 0n) this.#state = "idle";
      // Whoever asked while we were leaving.
      if (!signal.aborted && this.#waiting.size > 0) this.#running = this.#run();
    }
  }

  #suspend(): void {
    const { servers } = this.#options;
    this.#heardAtMs = this.#connection?.heardAtMs ?? 0;
    this.#connection = undefined;
    this.#link = undefined;
    this.#state = this.#ticket.id === 0n ? "expired" : "suspended";
    // The server that was lost comes last.
    this.#first = (this.#first + 1) % servers.length;
  }

  /** Asks every server once, or until one has us. */
  async #round(): Promise<void> {
    const { servers } = this.#options;
    if (this.#state === "idle") this.#state = "connecting";
    let failure: DiscoveryError | undefined;
    this.#hangUps = 0;
    for (let n = 0; n < servers.length && !this.#closing.signal.aborted; n += 1) {
      const index = (this.#first + n) % servers.length;
      try {
        await this.#connect(servers[index]!);
        this.#first = index;
        return;
      } catch (thrown) {
        failure = asDiscoveryError(thrown, this.#where(servers[index]!));
        if (failure.code === "AUTH") break;
      }
    }
    if (this.#closing.signal.aborted || failure === undefined) return;
    // Servers hang up on whoever has seen more than they have. When no other will have us either, they may have
    // lost their data, and what they have is the newest there is.
    if (this.#hangUps > 0) this.#zxid = 0n;
    this.#pace(0);
    this.#rejectAll(failure);
  }

  async #connect(server: Server): Promise<void> {
    const { connectTimeoutMs } = this.#options;
    const deadline = AbortSignal.timeout(connectTimeoutMs);
    const signal = AbortSignal.any([this.#closing.signal, deadline]);
    let connection: Connection | undefined;
    const abort = (): void => {
      const reason = `no session within ${connectTimeoutMs} ms`;
      connection?.close(this.#error("TIMEOUT", server, reason));
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      for (;;) {
        const listeners = new Listeners();
        connection = await this.#open(server, listeners, signal);
        const granted = await connection.greet(this.#ticket, this.#zxid);
        if (granted.timeoutMs === 0) {
          connection.close(this.#error("UNAVAILABLE", server, "the session has expired"));
          if (this.#ticket.id === 0n) {
            throw this.#error("PROTOCOL", server, "the server grants no session");
          }
          this.#expire();
          continue;
        }
        await logIn(connection, this.#options.logins, this.#options.registry);
        connection.lost.throwIfAborted();
        this.#accept(connection, granted, listeners);
        return;
      }
    } catch (error) {
      if (connection?.isGreeted === false && !signal.aborted) this.#hangUps += 1;
      connection?.close(this.#error("UNAVAILABLE", server, "given up"));
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async #open(server: Server, listeners: Listeners, signal: AbortSignal): Promise<Connection> {
    const { registry, requestTimeoutMs, maxFrameBytes, tls, connectTimeoutMs } = this.#options;
    let socket;
    try {
      socket = await openSocket(server, tls, signal);
    } catch (cause) {
      if (signal.aborted) {
        throw this.#error("TIMEOUT", server, `no connection within ${connectTimeoutMs} ms`);
      }
      const { code } = cause as NodeJS.ErrnoException;
      throw this.#error("UNAVAILABLE", server, code ?? "no connection", cause);
    }
    return new Connection(socket, {
      registry,
      server: serverName(server),
      requestTimeoutMs,
      maxFrameBytes,
      onEvent: (event) => listeners.tell(event),
    });
  }

  #accept(connection: Connection, granted: SessionTicket, listeners: Listeners): void {
    const { registry, timeoutMs } = this.#options;
    const link = new Link(connection, granted, {
      registry,
      listeners,
      abilities: this.#abilities,
    });
    this.#ticket = { ...granted, timeoutMs };
    this.#grantedMs = granted.timeoutMs;
    this.#connection = connection;
    this.#link = link;
    this.#state = "connected";
    connection.lost.addEventListener("abort", () => {
      if (connection.zxid > this.#zxid) this.#zxid = connection.zxid;
      if (connection.hasExpired) this.#expire();
    });
    for (const waiting of this.#waiting) waiting.resolve(link);
  }

  #expire(): void {
    this.#state = "expired";
    this.#ticket = { ...noSession, timeoutMs: this.#options.timeoutMs };
    this.#zxid = 0n;
  }

  #pace(healthyForMs: number): void {
    this.#nextRoundAtMs = performance.now() + this.#backoff.failed(healthyForMs);
  }

  #rejectAll(error: DiscoveryError): void {
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting.clear();
  }

  #error(
    code: "UNAVAILABLE" | "TIMEOUT" | "PROTOCOL",
    server: Server,
    reason: string,
    cause?: unknown,
  ): DiscoveryError {
    return new DiscoveryError({ code, ...this.#where(server), reason, cause });
  }

  #where(server: Server): { registry: string; operation: string } {
    return { registry: this.#options.registry, operation: `connect to ${serverName(server)}` };
  }
}

/** Resolves when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
