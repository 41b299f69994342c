import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

import type { FailureReason, ListenAddress, Proxy, ProxyOptions } from "./contract.ts";
import { Exchange, shape } from "./exchange.ts";
import { NodeConnections } from "./node-connections.ts";
import { failureStatus, replyBytes, sendReply } from "./reply.ts";
import { readHead } from "./request-head.ts";

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
  readonly #connections: NodeConnections;
  readonly #servers = new Set<Server>();
  /** Requests being served, and when each is over. */
  readonly #running = new Map<ServerResponse, Promise<void>>();
  #closing = false;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#connections = new NodeConnections({
      maxIdlePerNode: options.maxIdlePerNode ?? 320,
      idleTimeoutMs: options.nodeIdleTimeoutMs ?? 60_000,
      tls: options.nodeTls,
      allowAddress: options.allowAddress,
    });
  }

  get inFlight(): number {
    return this.#running.size;
  }

  async listen({ host, port }: ListenAddress): Promise<ListenAddress> {
    const server = this.#createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, resolve);
    });
    this.#servers.add(server);
    const address = server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  async close(options: { readonly drainMs?: number | undefined } = {}): Promise<void> {
    this.#closing = true;
    const servers = [...this.#servers];
    this.#servers.clear();
    const ended = servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const server of servers) server.closeIdleConnections();
    for (const response of this.#running.keys()) response.shouldKeepAlive = false;
    const cut = setTimeout(() => {
      for (const server of servers) server.closeAllConnections();
    }, options.drainMs ?? 5_000);
    await Promise.all(ended);
    clearTimeout(cut);
    await Promise.all(this.#running.values());
    this.#connections[Symbol.dispose]();
  }

  #createServer(): Server {
    const server = createServer({
      insecureHTTPParser: false,
      maxHeaderSize: this.#options.maxHeadBytes ?? 32_768,
      headersTimeout: this.#options.headTimeoutMs ?? 60_000,
      keepAliveTimeout: this.#options.idleTimeoutMs ?? 75_000,
      // A body may take as long as it moves; silence is bounded per attempt.
      requestTimeout: 0,
      // Host is checked with the rest of the head, so that its absence gets our answer.
      requireHostHeader: false,
    });
    // Node would drop what exceeds its count in silence; the head's reader refuses it instead.
    server.maxHeadersCount = 0;
    server.on("request", (request, response) => this.#accept(request, response, false));
    server.on("checkContinue", (request, response) => this.#accept(request, response, true));
    // RFC 9110 §10.1.1: an expectation other than 100-continue may be ignored.
    server.on("checkExpectation", (request, response) => this.#accept(request, response, false));
    server.on("connect", (_request: IncomingMessage, socket: Duplex) => {
      this.#refuse(socket, "unsupported", "CONNECT is not served");
    });
    server.on("clientError", (error: Error & { code?: string }, socket) => {
      this.#refuseBroken(error.code ?? "", socket as Socket);
    });
    return server;
  }

  #accept(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    if (this.#closing) response.shouldKeepAlive = false;
    const served = this.#serve(request, response, expectsContinue).finally(() => {
      this.#running.delete(response);
      // The connection became idle after close() had closed the idle ones.
      if (this.#closing) request.socket.destroySoon();
    });
    this.#running.set(response, served);
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ): Promise<void> {
    const read = readHead(request, this.#options.maxHeaders ?? 128);
    if (!read.ok) {
      const reasons = { 400: "bad_request", 431: "head_too_large", 501: "unsupported" } as const;
      response.shouldKeepAlive = false;
      const reason = reasons[read.status];
      const failure = { reason, status: read.status, detail: read.detail, tried: [] };
      sendReply(response, shape(this.#options, failure));
      return;
    }
    const { head } = read;
    const options = this.#options;
    const connections = this.#connections;
    await new Exchange({ head, request, response, options, connections, expectsContinue }).run();
  }

  /** The parser gave up on a connection: say why, if nothing else is being said on it, and end it. */
  #refuseBroken(code: string, socket: Socket & { _httpMessage?: ServerResponse | null }): void {
    const answering = socket._httpMessage;
    const inside = answering instanceof ServerResponse && answering.headersSent;
    if (!socket.writable || inside || code === "ECONNRESET" || code === "EPIPE") {
      socket.destroy();
    } else if (code === "HPE_HEADER_OVERFLOW") {
      this.#refuse(socket, "head_too_large", "the request head is too large");
    } else if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
      this.#refuse(socket, "request_timeout", "the request head took too long");
    } else {
      this.#refuse(socket, "bad_request", "the request is not valid HTTP/1.1");
    }
  }

  #refuse(socket: Duplex, reason: FailureReason, detail: string): void {
    const failure = { reason, status: failureStatus[reason], detail, tried: [] };
    socket.end(replyBytes(shape(this.#options, failure)), "latin1", () => socket.destroy());
  }
}
