import type { Socket } from "node:net";

import { DiscoveryError, type ErrorCode } from "@rollcall/core";

import { errorCode, errorOf } from "./error-code.ts";
import { FrameError, FrameSplitter } from "./frame-splitter.ts";
import { JuteReader, JuteWriter } from "./jute.ts";
import { type Answer, RequestQueue, type WaitingRequest } from "./request-queue.ts";
import { closeSession, type Request } from "./requests.ts";

/** What happened to a znode that is watched: a hint to look again. */
export interface WatchEvent {
  readonly type: "created" | "deleted" | "changed" | "children";
  readonly path: string;
}

/** A session as it is presented to a server and handed out by it. */
export interface SessionTicket {
  /** 0n asks for a new session. */
  readonly id: bigint;
  readonly password: Buffer;
  readonly timeoutMs: number;
}

/** Limits of a connection. */
export interface ConnectionOptions {
  /** Name of the registry, for errors. */
  readonly registry: string;
  /** Of the server, for errors. */
  readonly server: string;
  readonly requestTimeoutMs: number;
  readonly maxFrameBytes: number;
  /** Called for every watch event, in order. */
  readonly onEvent: (event: WatchEvent) => void;
}

/** Frames larger than this make a server hang up without a word (its `jute.maxbuffer`). */
const maxRequestBytes = 0xfffff;
const xid = { event: -1, ping: -2, auth: -4 } as const;
const eventTypes = new Map([
  [1, "created"],
  [2, "deleted"],
  [3, "changed"],
  [4, "children"],
] as const);

/** After these a server hangs up. */
const finalErrors: ReadonlySet<number> = new Set([
  errorCode.sessionExpired,
  errorCode.sessionMoved,
  errorCode.authFailed,
  errorCode.logInRequired,
]);

/**
 * One connection to one server, for as long as it stands: requests and answers in order, pings, watch events.
 *
 * A server answers a connection's requests in the order they were sent, and tells of a change before it answers a
 * request that sees it.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #lost = new AbortController();
  readonly #requests = new RequestQueue();
  readonly #splitter: FrameSplitter;
  #greeting = Promise.withResolvers<JuteReader>();
  #isGreeted = false;
  #hasExpired = false;
  #login: PromiseWithResolvers<number> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #heardAtMs = performance.now();
  #sentAtMs = performance.now();
  #isFlushing = false;
  #callers = 0;
  /** Newest transaction that this connection has seen. */
  #zxid = 0n;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#splitter = new FrameSplitter(options.maxFrameBytes);
    this.#greeting.promise.catch(() => undefined);
    socket.on("data", (piece: Buffer) => this.#hear(piece));
    socket.on("error", (error) => this.#break(error));
    socket.on("close", () => this.#lose("UNAVAILABLE", "the server hung up"));
  }

  /** Aborted with a {@link DiscoveryError} when the connection is over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** When the server was last heard, on the monotonic clock, in ms. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Whether the server has answered the greeting. */
  get isGreeted(): boolean {
    return this.#isGreeted;
  }

  /** Whether the server said that the session is over. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  /** Newest transaction that was seen. */
  get zxid(): bigint {
    return this.#zxid;
  }

  /**
   * Asks for a session, or for one of before. The answer's time-out is 0 when that one has expired.
   *
   * @param zxid  Newest transaction seen so far: a server that lags behind it hangs up.
   */
  async greet(ticket: SessionTicket, zxid: bigint): Promise<SessionTicket> {
    const hello = new JuteWriter().int(0).long(zxid).int(ticket.timeoutMs).long(ticket.id);
    this.#write(hello.bytes(ticket.password).bool(false).frame());
    const answer = await this.#greeting.promise;
    try {
      answer.skip(4); // protocol version
      const timeoutMs = Math.max(0, answer.int());
      const granted = { timeoutMs, id: answer.long(), password: answer.bytes() };
      this.#zxid = zxid;
      if (timeoutMs > 0) this.#keepAlive(timeoutMs);
      return granted;
    } catch (cause) {
      throw this.#lose("PROTOCOL", "the server's greeting cannot be read", cause);
    }
  }

  /** Adds an identity to the session: the scheme's own bytes, such as `user:password`. */
  async addIdentity(scheme: string, secret: Uint8Array): Promise<void> {
    this.#lost.signal.throwIfAborted();
    const login = Promise.withResolvers<number>();
    this.#login = login;
    this.#write(new JuteWriter().int(xid.auth).int(100).int(0).text(scheme).bytes(secret).frame());
    const error = await login.promise;
    if (error !== errorCode.ok) throw this.#errorOf(error, `log in with ${scheme}`);
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @throws {@link DiscoveryError} when the connection is lost, the deadline passes or the request is too large;
   *   the signal's reason.
   */
  async request<T>(request: Request<T>, signal?: AbortSignal): Promise<Answer<T>> {
    this.#lost.signal.throwIfAborted();
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Answer<T>>();
    const waiting = this.#requests.add(request, { resolve, reject });
    const aborted = (): void => {
      waiting.isOver = true;
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", aborted, { once: true });
    this.#flush();
    this.#callers += 1;
    // Somebody waits, so the process must.
    this.#socket.ref();
    try {
      return await promise;
    } finally {
      this.#callers -= 1;
      if (this.#callers === 0) this.#socket.unref();
      signal?.removeEventListener("abort", aborted);
    }
  }

  /** Ends the session and the connection; waits for the server to agree, within the bound. */
  async endSession(timeoutMs: number): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs);
    await this.request(closeSession, deadline).catch(() => undefined);
    this.close(this.#error("CLOSED", "the session was closed"));
  }

  /** Closes the connection; the session lives on until its time is over. */
  close(reason: DiscoveryError): void {
    this.#fail(reason);
  }

  /** Hands requests to the socket, together, as many as may be on their way. */
  #flush(): void {
    if (this.#isFlushing || !this.#isGreeted) return;
    this.#isFlushing = true;
    process.nextTick(() => {
      this.#isFlushing = false;
      if (this.#lost.signal.aborted) return;
      this.#socket.cork();
      for (;;) {
        const next = this.#requests.next();
        if (next === undefined) break;
        this.#send(next);
      }
      this.#socket.uncork();
    });
  }

  #send(waiting: WaitingRequest): void {
    const { request } = waiting;
    const out = new JuteWriter().int(waiting.xid).int(request.type);
    request.write(out);
    const frame = out.frame();
    if (frame.length - 4 > maxRequestBytes) {
      const reason = `${frame.length - 4} bytes, a server takes at most ${maxRequestBytes}`;
      waiting.reject(this.#error("INVALID", reason, request.operation));
      return;
    }
    this.#requests.sent(waiting);
    this.#write(frame);
  }

  #write(frame: Buffer): void {
    this.#sentAtMs = performance.now();
    this.#socket.write(frame);
  }

  #hear(piece: Buffer): void {
    if (this.#lost.signal.aborted) return;
    this.#heardAtMs = performance.now();
    try {
      for (const frame of this.#splitter.push(piece)) {
        this.#take(new JuteReader(frame));
        if (this.#lost.signal.aborted) return;
      }
    } catch (cause) {
      const why = cause instanceof FrameError ? `: ${cause.message}` : "";
      this.#lose("PROTOCOL", `the server's answer cannot be read${why}`, cause);
      return;
    }
    this.#flush();
  }

  #take(answer: JuteReader): void {
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      this.#greeting.resolve(answer);
      return;
    }
    const answered = answer.int();
    const zxid = answer.long();
    const error = answer.int();
    if (answered === xid.event) this.#tell(answer);
    else if (answered === xid.auth) this.#login?.resolve(error);
    else if (answered !== xid.ping) {
      if (zxid > this.#zxid) this.#zxid = zxid;
      this.#answer(answered, error, answer);
    }
  }

  #tell(answer: JuteReader): void {
    const type = eventTypes.get(answer.int() as 1 | 2 | 3 | 4);
    answer.skip(4); // state
    // The rest tells of the session, which we know, or of watches that we took away.
    if (type !== undefined) this.#options.onEvent({ type, path: answer.text() });
  }

  #answer(answered: number, error: number, body: JuteReader): void {
    const waiting = this.#requests.answered();
    if (waiting?.xid !== answered) {
      waiting?.reject(this.#error("PROTOCOL", "it was answered out of turn"));
      throw new RangeError(`an answer to ${answered}, which was not asked`);
    }
    if (finalErrors.has(error)) {
      // Nothing more can be had here, whatever was asked for.
      const lost = this.#errorOf(error, waiting.request.operation);
      this.#hasExpired = error === errorCode.sessionExpired;
      waiting.reject(lost);
      this.#fail(lost);
    } else if (error !== errorCode.ok) {
      waiting.resolve({ error });
    } else if (!waiting.isOver) {
      try {
        waiting.resolve({ error: 0, value: waiting.request.read(body) as never });
      } catch (cause) {
        const reason = "the answer cannot be read";
        waiting.reject(this.#error("PROTOCOL", reason, waiting.request.operation, cause));
        throw cause;
      }
    }
  }

  /**
   * A ping for every third of the session in which we said nothing, and the end when nothing was heard for two
   * thirds: what is left is time to move to another server.
   */
  #keepAlive(timeoutMs: number): void {
    const tickMs = Math.max(5, Math.min(timeoutMs / 6, this.#options.requestTimeoutMs / 4));
    const isSilent = (): boolean =>
      performance.now() - this.#heardAtMs >= (timeoutMs * 2) / 3 - tickMs;
    this.#timer = setInterval(() => {
      if (performance.now() - this.#sentAtMs >= timeoutMs / 3 - tickMs) {
        this.#write(new JuteWriter().int(xid.ping).int(11).frame());
      }
      this.#expire();
      // After a pause of our own, what the server said meanwhile is only read after this.
      if (isSilent()) {
        setImmediate(() => {
          if (isSilent()) this.#lose("TIMEOUT", "the server has fallen silent");
        });
      }
    }, tickMs).unref();
  }

  #expire(): void {
    const { requestTimeoutMs } = this.#options;
    const reason = `no answer within ${requestTimeoutMs} ms`;
    this.#requests.expire(requestTimeoutMs, ({ request, reject }) => {
      reject(this.#error("TIMEOUT", reason, request.operation));
    });
  }

  #break(error: NodeJS.ErrnoException): void {
    this.#lose("UNAVAILABLE", `the connection broke: ${error.code ?? error.name}`, error);
  }

  #lose(code: ErrorCode, reason: string, cause?: unknown): DiscoveryError {
    const error = this.#error(code, reason, undefined, cause);
    this.#fail(error);
    return error;
  }

  #fail(error: DiscoveryError): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(error);
    clearInterval(this.#timer);
    this.#socket.destroy();
    this.#greeting.reject(error);
    this.#login?.reject(error);
    for (const { reject } of this.#requests.drain()) reject(error);
  }

  #errorOf(code: number, operation: string): DiscoveryError {
    return errorOf(code, this.#where(operation));
  }

  #error(code: ErrorCode, reason: string, operation?: string, cause?: unknown): DiscoveryError {
    return new DiscoveryError({ code, ...this.#where(operation), reason, cause });
  }

  #where(operation = "stay connected"): { registry: string; operation: string } {
    const { registry, server } = this.#options;
    return { registry, operation: `${operation} at ${server}` };
  }
}
