import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";

import type { ListenTls } from "../contract-tls.ts";
import { certificateChoice, minVersion } from "./certificate-choice.ts";
import { ticketKeys } from "./ticket-keys.ts";

/** Who is told how handshakes end. */
export interface HandshakeEvents {
  /** @param transport  What carries it: ends both when it is reset. */
  secured(socket: TLSSocket, transport: Socket): void;
  /** @param begun  Whether the client said anything, or let the time pass. */
  failed(begun: boolean): void;
}

/**
 * Speaks TLS over connections that were accepted already: a server that never listens itself, so that the
 * next one, with other certificates, can take its place at any time.
 */
export class TlsAcceptor {
  readonly #server: Server;
  readonly #tls: ListenTls;
  readonly #events: HandshakeEvents;
  /** Handshakes under way, by the client's address: the socket that comes out knows no other link to it. */
  readonly #pending = new Map<string, Socket>();
  readonly #late = new Set<string>();

  /** @throws TypeError  When a certificate cannot be used. */
  constructor(tls: ListenTls, events: HandshakeEvents) {
    const choice = certificateChoice(tls);
    this.#tls = tls;
    this.#events = events;
    this.#server = createServer({
      ...choice.otherwise,
      minVersion,
      ALPNProtocols: ["http/1.1"],
      SNICallback: (name, callback) => callback(null, choice.find(name)),
      handshakeTimeout: tls.handshakeTimeoutMs ?? 10_000,
    });
    this.#server.on("secureConnection", (socket) => this.#secured(socket));
    this.#server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      if (error.code === "ERR_TLS_HANDSHAKE_TIMEOUT") this.#late.add(peerOf(socket));
      socket.destroy();
    });
  }

  /** Tickets that were sealed otherwise are good no more. */
  setTicketSecret(secret: Uint8Array): void {
    this.#server.setTicketKeys(ticketKeys(secret, this.#tls));
  }

  /** Handshakes under way. */
  get pending(): number {
    return this.#pending.size;
  }

  accept(transport: Socket): void {
    const peer = peerOf(transport);
    this.#pending.set(peer, transport);
    transport.on("error", () => undefined);
    transport.once("close", () => {
      const wasLate = this.#late.delete(peer);
      // The same address may have come again since.
      if (this.#pending.get(peer) !== transport) return;
      this.#pending.delete(peer);
      this.#events.failed(wasLate || transport.bytesRead > 0);
    });
    // A client that hangs up during the handshake is gone.
    transport.allowHalfOpen = false;
    this.#server.emit("connection", transport);
  }

  /** Ends handshakes under way. */
  close(): void {
    for (const transport of this.#pending.values()) transport.destroy();
  }

  #secured(socket: TLSSocket): void {
    const peer = peerOf(socket);
    const transport = this.#pending.get(peer);
    if (transport === undefined) {
      // It was reset meanwhile, and has no address any more.
      socket.on("error", () => undefined).destroy();
      return;
    }
    this.#pending.delete(peer);
    socket.allowHalfOpen = true;
    this.#events.secured(socket, transport);
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
