import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import type { ListenAddress } from "./contract.ts";
import type { ListenTls } from "./contract-tls.ts";
import { type HandshakeEvents, TlsAcceptor } from "./tls/tls-acceptor.ts";

/** Who is told of connections; `port` is the listener's. */
export interface ListenerEvents {
  /** @returns whether it is wanted; who does not want it has ended it. */
  accepted(socket: Socket): boolean;
  /** A plain one, to be served. */
  plain(socket: Socket, port: number): void;
  /** As {@link HandshakeEvents.secured}. */
  secured(socket: TLSSocket, transport: Socket, port: number): void;
  /** As {@link HandshakeEvents.failed}. */
  failed(begun: boolean): void;
}

/** One address and the connections that come to it, plain or with TLS. */
export class Listener {
  readonly #server: Server;
  readonly #handshakes: HandshakeEvents;
  /** Known to all its connections: each would have to ask the system for it. */
  #port = 0;
  #acceptor: TlsAcceptor | undefined;
  /** Have handshakes under way with certificates that were replaced meanwhile. */
  readonly #replaced = new Set<TlsAcceptor>();
  #ticketSecret: Uint8Array | undefined;

  /**
   * @param ticketSecret  See {@link setTicketSecret}; `undefined`: each set of certificates has one of its own.
   * @throws TypeError  When a certificate cannot be used.
   */
  constructor(
    tls: ListenTls | undefined,
    ticketSecret: Uint8Array | undefined,
    pauses: boolean,
    events: ListenerEvents,
  ) {
    this.#handshakes = {
      secured: (socket, transport) => events.secured(socket, transport, this.#port),
      failed: (begun) => events.failed(begun),
    };
    this.#ticketSecret = ticketSecret;
    this.setTls(tls);
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, pauseOnConnect: pauses },
      (socket) => {
        if (!events.accepted(socket)) return;
        if (this.#acceptor === undefined) events.plain(socket, this.#port);
        else this.#acceptor.accept(socket);
      },
    );
    // The system may have nothing left for a connection (EMFILE): it is lost, and the next one may not be.
    this.#server.on("error", () => undefined);
  }

  /** @param reusePort  Whether other sockets may listen on the same address. */
  async open({ host, port }: ListenAddress, reusePort: boolean): Promise<ListenAddress> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog: 4_096, reusePort }, resolve);
    });
    const bound = this.#server.address() as AddressInfo;
    this.#port = bound.port;
    return { host: bound.address, port: bound.port };
  }

  /** @throws TypeError  When a certificate cannot be used; nothing changed then. */
  setTls(tls: ListenTls | undefined): void {
    const next = tls === undefined ? undefined : new TlsAcceptor(tls, this.#handshakes);
    if (this.#ticketSecret !== undefined) next?.setTicketSecret(this.#ticketSecret);
    if (this.#acceptor !== undefined) this.#replaced.add(this.#acceptor);
    this.#acceptor = next;
    for (const one of this.#replaced) if (one.pending === 0) this.#replaced.delete(one);
  }

  /** What the tickets of sessions are sealed with from now on. */
  setTicketSecret(secret: Uint8Array): void {
    this.#ticketSecret = secret;
    this.#acceptor?.setTicketSecret(secret);
  }

  /** Handshakes under way. */
  get handshakes(): number {
    let count = this.#acceptor?.pending ?? 0;
    for (const one of this.#replaced) count += one.pending;
    return count;
  }

  /** Resolves when the address is free and no connection of it is left. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#acceptor?.close();
    for (const one of this.#replaced) one.close();
    return closed;
  }
}
