import { type ClientHttp2Session, constants, type IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";

import type { Clock } from "@rollcall/core/adapter";

import type { Host } from "./host.ts";
import { frame, FrameSplitter, MalformedFrame, OversizedMessage } from "./message-frames.ts";
import { broken, foreign, RpcFailure, silent, status } from "./rpc-failure.ts";

/** How connections are judged. */
export interface ConnectionOptions {
  /** A connection that owes us a word for this long is dead. */
  readonly silenceMs: number;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
}

/** What an exchange tells its owner. */
export interface ExchangeHandler {
  message(bytes: Buffer): void;
  /** Once, at the end; `undefined` after a good one. Nothing follows. */
  ended(failure: RpcFailure | undefined): void;
}

/** One exchange on a connection: a call, or a stream of messages both ways. */
export interface Exchange {
  send(bytes: Uint8Array): void;
  /** Sends nothing more; the answers may still come. */
  finish(): void;
  /** Gives up; `ended` is not called any more. */
  cancel(): void;
}

/**
 * One HTTP/2 connection to one member, speaking gRPC.
 *
 * It ends for good with its first fault: there is no state in which it waits to become usable again.
 */
export class Connection {
  readonly host: Host;
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  #fault: RpcFailure | undefined;
  #retired = false;
  #exchanges = 0;
  /** The oldest question that nothing was heard since. */
  #asked:
    | { readonly bytesRead: number; readonly atMs: number; readonly isPinged: boolean }
    | undefined;
  #cancelWatchdog: (() => void) | undefined;

  /** Use `openConnection`. */
  constructor(host: Host, session: ClientHttp2Session, socket: Socket, options: ConnectionOptions) {
    this.host = host;
    this.#session = session;
    this.#socket = socket;
    this.#options = options;
    session.on("error", (cause) => this.#break(broken(host.url, cause)));
    session.on("close", () => this.#break(broken(host.url)));
    session.on("goaway", () => this.retire());
  }

  /** Whether new exchanges may begin here. */
  get usable(): boolean {
    const { closed, destroyed } = this.#session;
    return this.#fault === undefined && !this.#retired && !closed && !destroyed;
  }

  get isClosed(): boolean {
    return this.#fault !== undefined;
  }

  /** Begins one exchange. */
  start(
    path: string,
    headers: Readonly<Record<string, string>>,
    handler: ExchangeHandler,
  ): Exchange {
    let over = false;
    this.#exchanges += 1;
    /** Whether it was not over before. */
    const leave = (): boolean => {
      if (over) return false;
      over = true;
      this.#left();
      return true;
    };
    const end = (failure?: RpcFailure): void => {
      if (leave()) handler.ended(failure);
    };
    if (!this.usable) {
      const failure = this.#fault ?? broken(this.host.url);
      queueMicrotask(() => end(failure));
      return { send() {}, finish() {}, cancel: leave };
    }
    const stream = this.#session.request({
      ":method": "POST",
      ":path": path,
      te: "trailers",
      "content-type": "application/grpc",
      "user-agent": "rollcall",
      ...headers,
    });
    const splitter = new FrameSplitter(this.#options.maxMessageBytes);
    let outcome: IncomingHttpHeaders | undefined;
    const give = (failure: RpcFailure): void => {
      end(failure);
      stream.close(constants.NGHTTP2_CANCEL);
    };
    stream.on("response", (answer) => {
      if (answer[":status"] !== 200 || !isGrpc(answer)) {
        give(foreign(`${this.host.url} answers HTTP ${answer[":status"]} and no gRPC`));
      } else if (answer["grpc-status"] !== undefined) {
        outcome = answer;
      }
    });
    stream.on("trailers", (trailers) => {
      outcome = trailers;
    });
    stream.on("data", (chunk: Buffer) => {
      if (over) return;
      try {
        for (const bytes of splitter.push(chunk)) if (!over) handler.message(bytes);
      } catch (thrown) {
        give(unreadable(thrown));
      }
    });
    // What it says stands in the session's error, or in the lack of trailers.
    stream.on("error", () => undefined);
    const conclude = (): void => {
      if (outcome === undefined) end(this.#fault ?? broken(this.host.url));
      else if (splitter.isWithinMessage) end(foreign("a message breaks off"));
      else end(failureOf(outcome));
    };
    // A server may end its side of a stream whose other side is still open.
    stream.on("end", () => {
      conclude();
      stream.close();
    });
    stream.on("close", conclude);
    this.expectWord();
    return {
      send: (bytes) => {
        if (!stream.destroyed && !stream.writableEnded) stream.write(frame(bytes));
      },
      finish: () => {
        if (!stream.destroyed) stream.end();
      },
      cancel: () => {
        if (leave()) stream.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  /** A call with one question and one answer. Rejects with {@link RpcFailure} or the signal's reason. */
  call(
    path: string,
    request: Uint8Array,
    headers: Readonly<Record<string, string>>,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Buffer> {
    const { timeoutMs, signal } = limits;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      let answer: Buffer | undefined;
      const over = (): void => {
        cancelTimer();
        signal.removeEventListener("abort", aborted);
      };
      const exchange = this.start(
        path,
        { ...headers, "grpc-timeout": `${Math.ceil(timeoutMs)}m` },
        {
          message(bytes) {
            answer = bytes;
          },
          ended(failure) {
            over();
            if (failure !== undefined) reject(failure);
            else if (answer === undefined) reject(foreign("an answer without a message"));
            else resolve(answer);
          },
        },
      );
      const giveUp = (reason: unknown): void => {
        over();
        exchange.cancel();
        reject(reason);
      };
      const aborted = (): void => giveUp(signal.reason);
      const cancelTimer = this.#options.clock.after(timeoutMs, () =>
        giveUp(silent(`${this.host.url} gives no answer within ${Math.ceil(timeoutMs)} ms`)),
      );
      signal.addEventListener("abort", aborted, { once: true });
      exchange.send(request);
      exchange.finish();
    });
  }

  /**
   * We asked something, so a word must come: if none does within `silenceMs`, nor to a ping half-way, the
   * connection is dead, whatever the kernel thinks of it.
   */
  expectWord(): void {
    const { bytesRead } = this.#socket;
    // What was asked earlier, and has no answer yet, waits longer.
    if (this.#asked?.bytesRead !== bytesRead) {
      this.#asked = { bytesRead, atMs: this.#options.clock.monotonicMs(), isPinged: false };
    }
    this.#cancelWatchdog ??= this.#watchLater(this.#options.silenceMs / 2);
  }

  #watchLater(delayMs: number): () => void {
    return this.#options.clock.after(delayMs, () => {
      this.#cancelWatchdog = undefined;
      const asked = this.#asked;
      if (asked?.bytesRead !== this.#socket.bytesRead || this.#session.destroyed) return;
      const { clock, silenceMs } = this.#options;
      const leftMs = asked.atMs + silenceMs - clock.monotonicMs();
      if (leftMs > silenceMs / 2) {
        this.#cancelWatchdog = this.#watchLater(leftMs - silenceMs / 2);
      } else if (!asked.isPinged) {
        this.#session.ping(() => undefined);
        this.#asked = { ...asked, isPinged: true };
        // After a stall of our own the answer may already be here, unread.
        this.#cancelWatchdog = this.#watchLater(Math.max(leftMs, silenceMs / 8));
      } else {
        this.#break(silent(`${this.host.url} is silent for ${silenceMs} ms`));
      }
    });
  }

  /** No new exchanges: it closes when those under way have ended. */
  retire(): void {
    this.#retired = true;
    if (this.#exchanges === 0) this.close();
  }

  /** Ends it and everything on it, at once. */
  close(): void {
    this.#break(new RpcFailure(status.canceled, "the connection was closed", "broken"));
  }

  #left(): void {
    this.#exchanges -= 1;
    if (this.#retired && this.#exchanges === 0) this.close();
  }

  #break(fault: RpcFailure): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    this.#cancelWatchdog?.();
    this.#session.destroy();
    // A session that could not say goodbye would leave the socket open.
    this.#socket.destroy();
  }
}

function isGrpc(answer: IncomingHttpHeaders): boolean {
  return /^application\/grpc(\+proto)?($|;)/.test(answer["content-type"] ?? "");
}

function failureOf(outcome: IncomingHttpHeaders): RpcFailure | undefined {
  const code = Number(outcome["grpc-status"]);
  if (code === status.ok) return undefined;
  const said = String(outcome["grpc-message"] ?? "");
  let details = said;
  try {
    details = decodeURIComponent(said);
  } catch {
    // As it came is better than nothing.
  }
  if (!Number.isInteger(code)) return foreign("an answer without a gRPC status");
  return new RpcFailure(code, details === "" ? `gRPC status ${code}` : details, "server");
}

function unreadable(thrown: unknown): RpcFailure {
  if (thrown instanceof OversizedMessage) {
    return new RpcFailure(
      status.resourceExhausted,
      `an answer has ${thrown.message}`,
      "oversized",
      thrown,
    );
  }
  const why = thrown instanceof MalformedFrame ? `: ${thrown.message}` : "";
  return foreign(`an answer cannot be read${why}`, thrown);
}
