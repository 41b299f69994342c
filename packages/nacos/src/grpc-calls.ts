import type { DiscoveryError } from "@rollcall/core";

import type { Access } from "./access.ts";
import { BodyError } from "./body.ts";
import { fault, quoted, type Where } from "./fault.ts";
import type { GrpcConnection } from "./grpc-connection.ts";
import { parseWithHosts } from "./host-list.ts";
import type { ServiceKey } from "./names.ts";
import type { ResolvedOptions } from "./options.ts";
import { decodePayload, encodePayload, PayloadError } from "./payload.ts";
import { isRecord } from "./record.ts";
import type { Server } from "./server-url.ts";
import { ServiceInfoError } from "./service-info.ts";

/** The fields of a message. */
export type Json = Readonly<Record<string, unknown>>;

/** A message: the name of its type, and its fields. */
export interface Message {
  readonly type: string;
  readonly body: Json;
}

/** A request whose answer somebody waits for. */
export interface GrpcRequest {
  readonly type: string;
  readonly body: Json;
  /** For errors: `query orders`. */
  readonly operation: string;
  readonly signal: AbortSignal;
  /** Default: as long as any answer may take. */
  readonly timeoutMs?: number | undefined;
  /** Without an answer nobody knows whether, and when, the server carries it out. */
  readonly isWrite?: boolean | undefined;
}

/** What calls are made with. */
export interface GrpcCallsContext {
  readonly options: ResolvedOptions;
  readonly access: Access;
  readonly server: Server;
}

/** Code of an answer to those the server does not know, or not yet: it also comes straight after set-up. */
export const unregistered = 301;
/** Where an answer or a push has its list. */
const pathOfHosts = ["serviceInfo", "hosts"];
const starting = 300;
const noHandler = 302;
const badRequest = 400;
const forbidden = 403;
/** Why a server that will soon be ready does not take us in. */
export const startingReason = "the server is starting";

/** Requests and answers over one connection: JSON in payloads, identities, and what their errors mean. */
export class GrpcCalls {
  readonly #context: GrpcCallsContext;
  readonly #connection: GrpcConnection;
  #requests = 0;
  #heardAtMs: number;

  constructor(context: GrpcCallsContext, connection: GrpcConnection) {
    this.#context = context;
    this.#connection = connection;
    this.#heardAtMs = context.options.clock.monotonicMs();
  }

  /** When the server said something last, in monotonic ms. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /**
   * One request under our identity; a refused token is fetched anew once.
   *
   * @param key  The service it is about.
   * @param read  Reads the answer, and may throw {@link BodyError} or {@link ServiceInfoError}.
   * @throws {@link DiscoveryError}; the signal's reason.
   */
  async ask<T>(
    request: GrpcRequest,
    key: ServiceKey | undefined,
    read: (body: Json) => T,
  ): Promise<T> {
    const { access, server } = this.#context;
    const { operation, signal } = request;
    for (;;) {
      const identity = await access.identity(server, key, signal);
      const { token, signature } = identity;
      const headers = { ...signature, ...(token === undefined ? {} : { accessToken: token }) };
      const answer = await this.send(request, headers);
      if (answer.body["errorCode"] === forbidden && access.refused(server, identity)) continue;
      this.check(answer, operation);
      try {
        return read(answer.body);
      } catch (cause) {
        if (!(cause instanceof ServiceInfoError || cause instanceof BodyError)) throw cause;
        throw fault("PROTOCOL", this.where(operation), cause.message, cause);
      }
    }
  }

  /** One request, and its answer whatever it says. */
  async send(request: GrpcRequest, headers?: Readonly<Record<string, string>>): Promise<Message> {
    const { sendMs, readMs } = this.#context.options;
    const { type, operation, signal, timeoutMs = sendMs + readMs } = request;
    this.#requests += 1;
    const body = JSON.stringify({ ...request.body, requestId: String(this.#requests) });
    const bytes = encodePayload({ type, headers, body });
    const how = { operation, signal, timeoutMs };
    try {
      return this.received(await this.#connection.unary("/Request/request", bytes, how), operation);
    } catch (thrown) {
      if (request.isWrite === true) {
        // It could be carried out after whatever we say next. A new connection is a clean slate.
        const reason = "the outcome of a write is unknown";
        this.#connection.close(fault("UNAVAILABLE", this.where(operation), reason, thrown));
      }
      throw thrown;
    }
  }

  /**
   * Reads a message.
   *
   * @throws {@link DiscoveryError} `PROTOCOL`.
   */
  received(bytes: Buffer, operation: string): Message {
    this.#heardAtMs = this.#context.options.clock.monotonicMs();
    try {
      const { type, body } = decodePayload(bytes);
      const json = parseWithHosts(body, pathOfHosts);
      if (!isRecord(json)) throw new BodyError("the message is not an object");
      return { type, body: json };
    } catch (cause) {
      if (!(cause instanceof PayloadError || cause instanceof BodyError)) throw cause;
      throw fault("PROTOCOL", this.where(operation), cause.message, cause);
    }
  }

  /**
   * Looks whether an answer is an error; refusals of rights hide in answers of the ordinary type.
   *
   * @throws {@link DiscoveryError}
   */
  check({ type, body }: Message, operation: string): void {
    const { resultCode, errorCode } = body;
    if (resultCode === 200 && type !== "ErrorResponse") return;
    const where = this.where(operation);
    const said = `the server answered ${Number(errorCode)}: ${quoted(body["message"])}`;
    switch (errorCode) {
      case forbidden: {
        const reason = "the server answered 403: no right to do so, or wrong credentials";
        throw fault("AUTH", where, reason);
      }
      case starting:
        throw fault("UNAVAILABLE", where, startingReason);
      case unregistered: {
        const reason = "the server does not know the connection any more";
        const error: DiscoveryError = fault("UNAVAILABLE", where, reason);
        this.#connection.close(error);
        throw error;
      }
      case noHandler:
        throw fault("UNSUPPORTED", where, said);
      case badRequest:
        throw fault("INVALID", where, said);
      default:
        throw fault("UNAVAILABLE", where, said);
    }
  }

  /** What an error about an operation says of where. */
  where(operation: string): Where {
    const registry = this.#context.options.name;
    return { registry, operation: `${operation} at ${this.#connection.name}` };
  }
}
