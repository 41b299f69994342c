import { DiscoveryError, type ErrorCode } from "@rollcall/core";
import { withDeadline } from "@rollcall/core/adapter";
import { Agent, type Dispatcher } from "undici";

import { BodyError, readBody } from "./body.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Server } from "./server-url.ts";

/** One request, without the server. */
export interface Request {
  /** For errors: `fetch registry`, `register ORDERS`. */
  readonly operation: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the service URL, escaped: `apps/ORDERS?x=1`. */
  readonly path: string;
  readonly body?: string | undefined;
  /** Large and slow, such as the whole registry: kept apart from heartbeats. */
  readonly bulk?: boolean | undefined;
}

/** An answer, whole and decompressed. */
export interface Reply {
  readonly status: number;
  /** Empty unless the status is one of success. */
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Whether the server asks for credentials: then even a 403 is about rights. */
  readonly asksForLogin: boolean;
}

/**
 * Requests and answers with single servers: connections, credentials, deadlines, bounds. Knows no
 * fail-over and no meaning of a status.
 */
export class Exchange {
  readonly #options: ResolvedOptions;
  // Two pools: a heartbeat never waits behind the download of a large registry.
  readonly #bulk: Agent;
  readonly #control: Agent;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#bulk = agent(options, 2);
    this.#control = agent(options, 16);
  }

  /**
   * @throws {@link DiscoveryError} `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`; the signal's reason.
   */
  async send(server: Server, request: Request, signal: AbortSignal): Promise<Reply> {
    const { connectMs, sendMs, readMs, clock, name: registry } = this.#options;
    try {
      return await withDeadline(
        {
          timeoutMs: connectMs + sendMs + readMs,
          registry,
          operation: `${request.operation} at ${server.url}`,
          signal,
          clock,
        },
        async (own) => {
          try {
            return await this.#once(server, request, own);
          } catch (thrown) {
            // A kept connection that the server closed in the meantime; every call may be repeated.
            if (!(thrown instanceof StaleConnection) || own.aborted) throw thrown;
            return await this.#once(server, request, own);
          }
        },
      );
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw this.#explain(thrown, server, request);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#bulk.destroy(), this.#control.destroy()]);
  }

  async #once(server: Server, request: Request, signal: AbortSignal): Promise<Reply> {
    const { readMs, maxBodyBytes } = this.#options;
    const { method, body } = request;
    const pool = request.bulk === true ? this.#bulk : this.#control;
    const headers: Record<string, string> = {
      // Without it the server answers XML.
      accept: "application/json",
      "accept-encoding": "gzip",
      "discoveryidentity-name": "rollcall",
    };
    const authorization = await this.#authorization(server);
    if (authorization !== undefined) headers["authorization"] = authorization;
    if (body !== undefined) headers["content-type"] = "application/json";
    let response: Dispatcher.ResponseData;
    try {
      response = await pool.request({
        origin: server.origin,
        path: server.path + request.path,
        method,
        headers,
        body: body ?? null,
        signal,
        headersTimeout: readMs,
        bodyTimeout: readMs,
      });
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE") {
        throw new StaleConnection("the connection broke", { cause });
      }
      throw cause;
    }
    const { headers: answered, statusCode: status } = response;
    const encoding = single(answered["content-encoding"])?.trim().toLowerCase();
    // An error page may be anything; it says no more than its status.
    if (status >= 300) await response.body.dump();
    return {
      status,
      body: status < 300 ? await readBody(response.body, encoding, maxBodyBytes) : Buffer.alloc(0),
      contentType: single(answered["content-type"]),
      asksForLogin: answered["www-authenticate"] !== undefined,
    };
  }

  async #authorization(server: Server): Promise<string | undefined> {
    const { username, password } = this.#options;
    if (server.credentials !== undefined) {
      return basic(server.credentials.username, server.credentials.password);
    }
    if (username === undefined || password === undefined) return undefined;
    if (typeof password === "string") return basic(username, password);
    let given: unknown;
    try {
      given = await password();
    } catch {
      // Its error may hold what it was asked for.
      given = undefined;
    }
    if (typeof given === "string") return basic(username, given);
    throw new NoPassword("the password function failed");
  }

  #explain(thrown: unknown, server: Server, { operation }: Request): DiscoveryError {
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

class StaleConnection extends Error {
  override readonly name = "StaleConnection";
}

class NoPassword extends Error {
  override readonly name = "NoPassword";
}

function agent(options: ResolvedOptions, connections: number): Agent {
  const { ca, cert, key, serverName, verify } = options.tls ?? {};
  return new Agent({
    connections,
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

function explain(
  thrown: unknown,
  { connectMs, readMs }: ResolvedOptions,
): readonly [ErrorCode, string] {
  if (thrown instanceof BodyError) return ["PROTOCOL", thrown.message];
  if (thrown instanceof NoPassword) return ["AUTH", thrown.message];
  const cause = thrown instanceof StaleConnection ? thrown.cause : thrown;
  if (isParserError(cause)) {
    return ["PROTOCOL", "the answer is not HTTP; is the scheme of the URL right?"];
  }
  const { code } = cause as { readonly code?: unknown };
  switch (code) {
    case "UND_ERR_CONNECT_TIMEOUT":
      return ["TIMEOUT", `no connection within ${connectMs} ms`];
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return ["TIMEOUT", `silent for ${readMs} ms`];
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return ["PROTOCOL", "the answer broke off"];
    default:
      break;
  }
  const shown = typeof code === "string" ? ` (${code})` : "";
  return thrown instanceof StaleConnection || typeof code !== "string" || code.startsWith("UND_")
    ? ["UNAVAILABLE", `the connection broke${shown}`]
    : ["UNAVAILABLE", `cannot be reached${shown}`];
}

function isParserError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "HTTPParserError";
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
