import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Knows what an HTTP server is busy with: requests being answered, and the sockets below them, upgraded ones
 * included, which Node no longer counts as the server's.
 *
 * It listens ahead of the application, so that an answer sent at once is counted and marked as well.
 */
export class InFlight {
  readonly #server: Server;
  readonly #responses = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  #parting = false;

  constructor(server: Server) {
    this.#server = server;
    server.prependListener("request", (_request: IncomingMessage, response: ServerResponse) => {
      this.#responses.add(response);
      if (this.#parting) response.shouldKeepAlive = false;
      response.once("close", () => {
        this.#responses.delete(response);
        if (this.#responses.size === 0) for (const tell of this.#waiting) tell();
      });
    });
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Requests being answered now. */
  get count(): number {
    return this.#responses.size;
  }

  /** From now on every answer ends its connection: its client comes back over another, elsewhere. */
  part(): void {
    this.#parting = true;
    for (const response of this.#responses) response.shouldKeepAlive = false;
  }

  /** Resolves when nothing is being answered, or when `signal` aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    if (this.count === 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.#waiting.delete(resolve);
  }

  /** Closes the server: at once what is idle, the rest when it is done or when `signal` aborts. */
  async close(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.part();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    const cut = (): void => {
      this.#server.closeAllConnections();
      for (const socket of this.#sockets) socket.destroy();
    };
    if (signal.aborted) cut();
    else signal.addEventListener("abort", cut, { once: true });
    await promise;
    signal.removeEventListener("abort", cut);
  }
}
