import { withDeadline } from "@rollcall/core/adapter";
import { Agent, type Dispatcher } from "undici";

import { BodyError, readBody } from "./body.ts";
import { codeIn, fault, type Where } from "./fault.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Server } from "./server-url.ts";

/** One request, without the server. */
export interface HttpRequest {
  /** For errors: `query orders`. */
  readonly operation: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the context path: `/v1/ns/instance/list`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Body of a POST. */
  readonly form?: Readonly<Record<string, string>> | undefined;
  /** Sent as `Authorization: Bearer`, which all versions take and no access log shows. */
  readonly token?: string | undefined;
}

/** An answer, whole. */
export interface HttpReply {
  readonly status: number;
  readonly body: Buffer;
  /** The body as a text, made whenever it is asked for. */
  readonly text: string;
}

/** Requests and answers with single servers: connections, deadlines, bounds. Knows no fail-over. */
export class HttpExchange {
  readonly #options: ResolvedOptions;
  readonly #agent: Agent;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    const { ca, cert, key, serverName, verify } = options.tls ?? {};
    this.#agent = new Agent({
      connections: 16,
      allowH2: false,
      connect: {
        timeout: options.connectMs,
        ...(ca === undefined ? {} : { ca: [ca].flat() }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(serverName === undefined ? {} : { servername: serverName }),
        ...(verify === false ? { rejectUnauthorized: false } : {}),
      },
    });
  }

  /**
   * @throws DiscoveryError `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`; the signal's reason.
   */
  async send(server: Server, request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    const { connectMs, sendMs, readMs, clock, name: registry } = this.#options;
    const where = { registry, operation: `${request.operation} at ${server.origin}` };
    const timeoutMs = connectMs + sendMs + readMs;
    try {
      return await withDeadline({ ...where, timeoutMs, signal, clock }, async (own) => {
        try {
          return await this.#once(server, request, own);
        } catch (thrown) {
          // A kept connection that the server closed in the meantime; every call may be repeated.
          if (!isBroken(thrown) || own.aborted) throw thrown;
          return await this.#once(server, request, own);
        }
      });
    } catch (thrown) {
      signal.throwIfAborted();
      throw this.#explain(thrown, where);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #once(server: Server, request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    const { readMs, maxMessageBytes } = this.#options;
    const { method, path, query, form, token } = request;
    const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`;
    const response: Dispatcher.ResponseData = await this.#agent.request({
      origin: server.origin,
      path: server.prefix + path + search,
      method,
      headers: {
        accept: "application/json",
        "user-agent": "rollcall",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      },
      body: form === undefined ? null : new URLSearchParams(form).toString(),
      signal,
      headersTimeout: readMs,
      bodyTimeout: readMs,
    });
    const body = await readBody(response.body, maxMessageBytes);
    const status = response.statusCode;
    return {
      status,
      body,
      get text() {
        return body.toString("utf8");
      },
    };
  }

  #explain(thrown: unknown, where: Where): unknown {
    const { connectMs, readMs } = this.#options;
    if (thrown instanceof BodyError) return fault("PROTOCOL", where, thrown.message, thrown);
    if (thrown instanceof Error && thrown.name === "HTTPParserError") {
      // The parser's error carries a piece of what it could not parse.
      return fault("PROTOCOL", where, "the answer is not HTTP; is the scheme of the URL right?");
    }
    const { code } = thrown as { readonly code?: unknown };
    if (code === "UND_ERR_CONNECT_TIMEOUT") {
      return fault("TIMEOUT", where, `no connection within ${connectMs} ms`, thrown);
    }
    if (code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT") {
      return fault("TIMEOUT", where, `silent for ${readMs} ms`, thrown);
    }
    if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
      return fault("PROTOCOL", where, "the answer broke off", thrown);
    }
    if (thrown instanceof Error && thrown.name === "DiscoveryError") return thrown;
    return fault("UNAVAILABLE", where, `cannot be reached${codeIn(thrown)}`, thrown);
  }
}

function isBroken(thrown: unknown): boolean {
  const { code } = thrown as NodeJS.ErrnoException;
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}
