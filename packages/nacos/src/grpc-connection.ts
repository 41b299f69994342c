import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";

import { DiscoveryError } from "@rollcall/core";
import { holdProcess, withDeadline } from "@rollcall/core/adapter";

import { codeIn, fault, type Where } from "./fault.ts";
import { frame, FrameError, FrameReader } from "./grpc-frames.ts";

/** One gRPC server and how to reach it. */
export interface GrpcTarget {
  /** Registry name, for errors. */
  readonly registry: string;
  /** Host without brackets. */
  readonly host: string;
  readonly port: number;
  /** TLS options of Node.js; undefined for plain text. */
  readonly tls?: ConnectionOptions | undefined;
  readonly connectMs: number;
  /** Bound of one received message. */
  readonly maxMessageBytes: number;
}

/** A stream in both directions. */
export interface GrpcStream {
  /** @param onSent  Called once the operating system has it. */
  send(message: Buffer, onSent?: () => void): void;
}

/** Data the other side may send before we have read it, in bytes. */
const windowBytes = 1_048_576;

/**
 * One HTTP/2 connection that speaks gRPC: unary calls and streams of messages.
 *
 * Exactly one: a Nacos server knows its clients by their TCP connection, so a broken one is never replaced
 * in silence. Once it is closed, in whatever way, {@link GrpcConnection.closed} fires and nothing works any
 * more. It does not keep the process alive; calls under way do.
 */
export class GrpcConnection {
  readonly #target: GrpcTarget;
  readonly #session: ClientHttp2Session;
  readonly #closed = new AbortController();

  private constructor(target: GrpcTarget, session: ClientHttp2Session) {
    this.#target = target;
    this.#session = session;
    session.setLocalWindowSize(windowBytes);
    session.unref();
    session.on("error", (error) => this.#lost(error));
    session.once("goaway", () => this.#lost());
    session.once("close", () => this.#lost());
  }

  /**
   * @throws {@link DiscoveryError} `UNAVAILABLE`, `TIMEOUT`; the signal's reason.
   */
  static async open(target: GrpcTarget, signal: AbortSignal): Promise<GrpcConnection> {
    const { registry, connectMs: timeoutMs } = target;
    const operation = `connect to ${nameOf(target)}`;
    const socket = openSocket(target);
    const release = holdProcess();
    try {
      return await withDeadline({ timeoutMs, registry, operation, signal }, async () => {
        const session = connect(
          `http://${target.host.includes(":") ? `[${target.host}]` : target.host}`,
          {
            createConnection: () => socket,
            settings: { enablePush: false, initialWindowSize: windowBytes },
          },
        );
        await established(session, { registry, operation });
        return new GrpcConnection(target, session);
      });
    } catch (thrown) {
      socket.destroy();
      throw thrown;
    } finally {
      release();
    }
  }

  /** Fires when the connection is gone; its reason is a {@link DiscoveryError}. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * One request, one answer.
   *
   * @throws {@link DiscoveryError} `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`; the signal's reason.
   */
  async unary(
    path: string,
    message: Buffer,
    how: { readonly operation: string; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Buffer> {
    const where = {
      registry: this.#target.registry,
      operation: `${how.operation} at ${this.name}`,
    };
    const release = holdProcess();
    try {
      return await withDeadline({ ...where, timeoutMs: how.timeoutMs, signal: how.signal }, (own) =>
        this.#unary(path, message, where, own),
      );
    } finally {
      release();
    }
  }

  /**
   * Opens a stream; it ends with the connection only: when the other side ends it, the connection is closed.
   *
   * @param onMessage  Called for each message; what it throws closes the connection.
   */
  stream(path: string, onMessage: (message: Buffer) => void): GrpcStream {
    const stream = this.#request(path);
    const where = { registry: this.#target.registry, operation: `stream from ${this.name}` };
    const reader = new FrameReader(this.#target.maxMessageBytes);
    stream.once("response", (headers) => {
      const problem = problemOf(headers);
      if (problem !== undefined) this.close(fault("PROTOCOL", where, problem));
    });
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const one of reader.push(chunk)) onMessage(one);
      } catch (cause) {
        this.close(asFault(cause, where));
      }
    });
    stream.on("error", () => undefined);
    stream.once("close", () =>
      this.close(fault("UNAVAILABLE", where, "the server ended the connection")),
    );
    return {
      send: (one, onSent) => {
        if (!stream.destroyed) stream.write(frame(one), onSent);
      },
    };
  }

  /** `host:port`, for errors. */
  get name(): string {
    return nameOf(this.#target);
  }

  /** Ends it at once, whatever the other side does. Idempotent. */
  close(reason: DiscoveryError): void {
    if (!this.#closed.signal.aborted) this.#closed.abort(reason);
    this.#session.destroy();
  }

  #lost(cause?: unknown): void {
    const where = { registry: this.#target.registry, operation: `stay connected to ${this.name}` };
    this.close(fault("UNAVAILABLE", where, `the connection broke${codeIn(cause)}`, cause));
  }

  #request(path: string): ClientHttp2Stream {
    return this.#session.request({
      ":method": "POST",
      ":path": path,
      ":scheme": this.#target.tls === undefined ? "http" : "https",
      ":authority": this.name,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "rollcall",
    });
  }

  #unary(path: string, message: Buffer, where: Where, signal: AbortSignal): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    if (this.closed.aborted) throw this.closed.reason;
    const stream = this.#request(path);
    const reader = new FrameReader(this.#target.maxMessageBytes);
    let answer: Buffer | undefined;
    const fail = (error: unknown): void => {
      reject(error);
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const aborted = (): void => fail(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    stream.once("response", (headers) => {
      const problem = problemOf(headers);
      if (problem !== undefined) fail(fault("PROTOCOL", where, problem));
    });
    stream.once("trailers", (trailers) => {
      const status = trailers["grpc-status"];
      if (status !== "0") fail(statusFault(status, where));
    });
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const one of reader.push(chunk)) answer ??= one;
      } catch (cause) {
        fail(asFault(cause, where));
      }
    });
    stream.on("error", (error) => fail(this.closed.reason ?? asFault(error, where)));
    stream.once("close", () => {
      signal.removeEventListener("abort", aborted);
      if (answer !== undefined && !reader.isInside) resolve(answer);
      // Nobody hears it when there was an error before.
      else reject(this.closed.reason ?? fault("UNAVAILABLE", where, "the answer broke off"));
    });
    stream.end(frame(message));
    return promise;
  }
}

function openSocket({ host, port, tls }: GrpcTarget): Socket {
  if (tls === undefined) return connectTcp({ host, port, noDelay: true });
  return connectTls({
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...tls,
    host,
    port,
    ALPNProtocols: ["h2"],
  });
}

/** Resolves when both sides speak HTTP/2. */
function established(session: ClientHttp2Session, where: Where): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const refuse = (cause?: unknown): void => {
    reject(fault("UNAVAILABLE", where, `cannot be reached${codeIn(cause)}`, cause));
  };
  session.once("error", refuse);
  session.once("close", () => refuse());
  // Its settings are the first thing a server says: something else on that port says something else.
  session.once("remoteSettings", () => resolve());
  return promise;
}

/** Why an answer is not gRPC's, or what it refuses without a message. */
function problemOf(
  headers: IncomingHttpHeaders & { readonly ":status"?: number | undefined },
): string | undefined {
  if (headers[":status"] !== 200) return `the answer has the HTTP status ${headers[":status"]}`;
  if (!/^application\/grpc\b/.test(headers["content-type"] ?? "")) return "the answer is not gRPC";
  const status = headers["grpc-status"];
  return status === undefined || status === "0"
    ? undefined
    : `the gRPC status is ${String(status)}`;
}

// https://grpc.io/docs/guides/status-codes: 12 unimplemented; the others pass.
function statusFault(status: unknown, where: Where): DiscoveryError {
  if (status === "12") return fault("PROTOCOL", where, "the server does not speak Nacos' gRPC");
  return fault("UNAVAILABLE", where, `the gRPC status is ${String(status).slice(0, 20)}`);
}

function asFault(thrown: unknown, where: Where): DiscoveryError {
  if (thrown instanceof DiscoveryError) return thrown;
  if (thrown instanceof FrameError) return fault("PROTOCOL", where, thrown.message, thrown);
  return fault("UNAVAILABLE", where, `the connection broke${codeIn(thrown)}`, thrown);
}

function nameOf({ host, port }: Pick<GrpcTarget, "host" | "port">): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
