import { DiscoveryError, type ErrorCode } from "@rollcall/core";
import { withDeadline } from "@rollcall/core/adapter";

import { answerOf, TooLarge } from "./answer.ts";
import { Connections } from "./connections.ts";
import type { ResolvedOptions } from "./options.ts";
import type { BodyReader, Reply } from "./reply.ts";
import type { ServerAddress } from "./server-address.ts";

/** One request, without the server. */
export interface Request {
  /** For errors: `read orders`, `register orders:10.0.0.5:8080`. */
  readonly operation: string;
  readonly method: "GET" | "PUT" | "POST";
  /** Below `/v1/`, escaped: `health/service/orders?index=7`. */
  readonly path: string;
  readonly body?: unknown;
  /** How long the server may hold its answer back, in ms. Default 0. */
  readonly blockMs?: number | undefined;
}

/**
 * Requests and answers with single servers: connections, token, deadlines, bounds. Knows no fail-over and
 * no meaning of a status.
 */
export class Exchange {
  readonly #options: ResolvedOptions;
  readonly #connections: Connections;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#connections = new Connections(options);
  }

  /** @throws {@link DiscoveryError} `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`, `AUTH`; the signal's reason. */
  async send(
    server: ServerAddress,
    request: Request,
    signal: AbortSignal,
    reader?: BodyReader,
  ): Promise<Reply> {
    const { connectMs, readMs, clock, name: registry } = this.#options;
    const { blockMs = 0 } = request;
    try {
      return await withDeadline(
        {
          timeoutMs: connectMs + blockMs + readMs,
          registry,
          operation: `${request.operation} at ${server.url}`,
          signal,
          clock,
        },
        async (own) => {
          try {
            return await this.#once(server, request, own, reader);
          } catch (thrown) {
            // A kept connection that the server closed in the meantime; every call may be repeated. A
            // blocking one may not: it was open until it broke.
            if (!(thrown instanceof BrokenConnection) || own.aborted || blockMs > 0) throw thrown;
            return await this.#once(server, request, own, reader);
          }
        },
      );
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw this.#explain(thrown, server, request);
    }
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #once(
    server: ServerAddress,
    request: Request,
    signal: AbortSignal,
    reader: BodyReader | undefined,
  ): Promise<Reply> {
    const { blocking, control } = this.#connections.to(server);
    const { method, body } = request;
    const headers: Record<string, string> = { accept: "application/json" };
    const { token } = this.#options;
    const given = typeof token === "function" ? await this.#ask(token) : token;
    if (given !== undefined) headers["x-consul-token"] = given;
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      return await answerOf(
        request.blockMs === undefined ? control : blocking,
        {
          path: `${server.prefix}/v1/${request.path}`,
          method,
          headers,
          body: body === undefined ? null : JSON.stringify(body),
        },
        { maxBytes: this.#options.maxBodyBytes, signal, reader },
      );
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE") {
        throw new BrokenConnection("the connection broke", { cause });
      }
      throw cause;
    }
  }

  async #ask(token: () => string | Promise<string>): Promise<string | undefined> {
    let given: unknown;
    try {
      given = await token();
    } catch {
      // Its error may hold what it was asked for.
      given = undefined;
    }
    if (given === "") return undefined;
    if (typeof given === "string" && /^[\x21-\x7e]{1,4096}$/.test(given)) return given;
    throw new NoToken("the token function gave no token");
  }

  #explain(thrown: unknown, server: ServerAddress, { operation }: Request): DiscoveryError {
    if (thrown instanceof DiscoveryError) return thrown;
    const [code, reason] = explain(thrown, this.#options);
    return new DiscoveryError({
      code,
      registry: this.#options.name,
      operation: `${operation} at ${server.url}`,
      reason,
      // The parser's error carries a piece of what it could not parse.
      cause: isParserError(thrown) ? undefined : thrown,
    });
  }
}

/** An established connection that ended before the answer did; the `cause` of an `UNAVAILABLE`. */
export class BrokenConnection extends Error {
  override readonly name = "BrokenConnection";
}

class NoToken extends Error {
  override readonly name = "NoToken";
}

function explain(
  thrown: unknown,
  { connectMs, readMs }: ResolvedOptions,
): readonly [ErrorCode, string] {
  if (thrown instanceof TooLarge) return ["PROTOCOL", thrown.message];
  if (thrown instanceof NoToken) return ["AUTH", thrown.message];
  const cause = thrown instanceof BrokenConnection ? thrown.cause : thrown;
  if (isParserError(cause)) {
    return ["PROTOCOL", "the answer is not HTTP; is the scheme of the address right?"];
  }
  const { code } = cause as { readonly code?: unknown };
  switch (code) {
    case "UND_ERR_CONNECT_TIMEOUT":
      return ["TIMEOUT", `no connection within ${connectMs} ms`];
    case "UND_ERR_BODY_TIMEOUT":
      return ["TIMEOUT", `silent for ${readMs} ms`];
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return ["PROTOCOL", "the answer broke off"];
    default:
      break;
  }
  const shown = typeof code === "string" ? ` (${code})` : "";
  return thrown instanceof BrokenConnection || typeof code !== "string" || code.startsWith("UND_")
    ? ["UNAVAILABLE", `the connection broke${shown}`]
    : ["UNAVAILABLE", `cannot be reached${shown}`];
}

function isParserError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "HTTPParserError";
}
