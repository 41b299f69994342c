import type { Socket } from "node:net";

import { monotonicMs } from "../clock.ts";
import type { Reply } from "../contract.ts";
import { Exchange } from "../exchange/exchange.ts";
import type { ClientTunnel, ExchangeClient } from "../exchange/exchange-client.ts";
import { testimonyOf } from "../exchange/testimony.ts";
import type { RequestBody } from "../exchange/request-body.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import { refusal, replyText } from "../reply.ts";
import { ClientOutput } from "./client-output.ts";
import type { ClientParts } from "./client-parts.ts";
import type { OpenClient } from "./open-client.ts";
import { peerOf } from "./peer.ts";
import { RequestStream, type RequestStreamUser } from "./request-stream.ts";

/** How long a connection without a request yet outlives its listener, in ms. */
const firstRequestMs = 250;

/** A client's connection: how long it stays, and how it ends. */
export class ClientConnection implements ExchangeClient, OpenClient, RequestStreamUser {
  readonly output: ClientOutput;
  readonly #parts: ClientParts;
  readonly #input: RequestStream;
  /** As accepted: what carries TLS, if it is that. */
  readonly #transport: Socket;
  #socket: Socket;
  readonly #secure: boolean;
  /** The peer's address, when it is a trusted proxy's. */
  readonly #trustedPeer: string | undefined;
  #requests = 0;
  #keepsAlive = false;
  /** Whether the client has said that nothing comes after its request. */
  #isLast = false;
  /** Whether the client has said all it will say. */
  #ended = false;
  /** For what the connection waits for while no exchange is under way. */
  #deadlineMs: number;

  /**
   * @param socket  As accepted.
   * @param port  The listener's.
   * @param secure  Whether it carries TLS.
   */
  constructor(parts: ClientParts, socket: Socket, port: number, secure: boolean) {
    this.#parts = parts;
    this.#transport = socket;
    this.#socket = socket;
    this.#secure = secure;
    this.output = new ClientOutput(socket);
    const peer = peerOf(socket, port, secure);
    this.#input = new RequestStream(this, peer, socket, parts.scan, parts.limits.maxHeadBytes);
    const isTrusted = parts.trusted?.trusts(peer.remoteAddress) === true;
    this.#trustedPeer = isTrusted ? peer.remoteAddress : undefined;
    this.#deadlineMs = monotonicMs() + parts.limits.headTimeoutMs;
  }

  /** Goes on with the socket that reads for it. */
  attach(socket: Socket): void {
    this.#socket = socket;
    this.output.moveTo(socket);
    this.#input.moveTo(socket);
    socket.on("error", () => undefined);
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClose());
  }

  /** Called with every read. */
  onBytes(bytes: Buffer, length: number): void {
    this.#input.onBytes(bytes, length);
  }

  /** Whether no request is under way. */
  get isIdle(): boolean {
    return this.#input.phase === "head" && !this.#input.holdsBytes;
  }

  get isServing(): boolean {
    return ["exchange", "holding", "tunnel"].includes(this.#input.phase);
  }

  requested(head: ReceivedHead): Exchange {
    this.#requests += 1;
    this.#isLast = head.close && !head.hasBody;
    const proxy = this.#trustedPeer;
    if (proxy !== undefined) head.believe(testimonyOf(head, proxy, this.#parts.trusted!));
    return new Exchange(this.#parts, this, head, monotonicMs());
  }

  headBegun(): void {
    this.#within(this.#parts.limits.headTimeoutMs);
  }

  discarded(inOrder: boolean): void {
    this.finished(inOrder, monotonicMs());
  }

  /** Says why a head is not served, and ends the connection: where the next one begins is unknown. */
  refused(status: number, detail: string): void {
    const reply = this.#parts.describe(refusal(status, detail));
    this.output.writeText(replyText(reply, true, "Connection: close\r\n"));
    this.#linger();
  }

  get mayStay(): boolean {
    const { maxRequestsPerConnection: most } = this.#parts.limits;
    return most === 0 || this.#requests < most;
  }

  pauseReading(): void {
    this.#input.pause();
  }

  resumeReading(): void {
    this.#input.resume();
  }

  reply(reply: Reply, head: ReceivedHead, keepAlive: boolean): void {
    let connection = "";
    if (!keepAlive) connection = "Connection: close\r\n";
    else if (head.httpVersion === "1.0") connection = "Connection: keep-alive\r\n";
    this.output.writeText(replyText(reply, head.method !== "HEAD", connection));
  }

  discard(body: RequestBody): void {
    this.#within(this.#parts.limits.discardTimeoutMs);
    this.#input.discard(body);
  }

  finished(keepAlive: boolean, nowMs: number): void {
    if (!this.output.isFull) {
      this.#goOn(keepAlive, nowMs);
      return;
    }
    // The client has not taken its answers: it may not ask for more of them.
    this.#within(this.#parts.limits.clientSendTimeoutMs);
    this.#input.hold();
    this.output.whenFlushed(() => {
      if (this.#input.phase !== "holding" || this.#socket.destroyed) return;
      this.#goOn(keepAlive, monotonicMs());
    });
  }

  #goOn(keepAlive: boolean, nowMs: number): void {
    // The engine may have begun to close since the client was told that it may stay.
    if (!keepAlive || this.#ended || this.#parts.isClosing()) {
      if (this.#mayCloseAtOnce) this.#close();
      else this.#linger();
      return;
    }
    const { idleTimeoutMs, headTimeoutMs } = this.#parts.limits;
    this.#within(this.#input.holdsBytes ? headTimeoutMs : idleTimeoutMs, nowMs);
    this.#input.goOn();
  }

  reset(): void {
    this.#input.ignore();
    this.#break();
  }

  tunnel(tunnel: ClientTunnel): void {
    this.#input.switchTo(tunnel);
    if (this.#ended) tunnel.clientEnded();
  }

  endHalf(): void {
    this.output.end();
  }

  retire(): void {
    if (!this.isIdle) return;
    // Whoever has just connected has a request on the way, and others listen on for those who come later.
    if (this.#requests === 0) this.#within(firstRequestMs);
    else this.#linger();
  }

  destroy(): void {
    this.#cut();
  }

  sweep(nowMs: number): void {
    if (!this.#keepsAlive) this.#keepAlive();
    const { exchange, phase, holdsBytes } = this.#input;
    if (exchange !== undefined) {
      if (exchange.deadlineMs <= nowMs) exchange.late(nowMs);
    } else if (this.#deadlineMs <= nowMs) {
      if (phase === "head" && holdsBytes) this.refused(408, "the request head took too long");
      else this.#cut();
    }
  }

  /** Has the kernel ask after the client: four system calls, which those who come once and leave need not pay for. */
  #keepAlive(): void {
    this.#keepsAlive = true;
    this.#socket.setKeepAlive(true, this.#parts.limits.tcpKeepAliveMs);
  }

  /**
   * Whether lingering has no use: nothing more comes, and the system has all that goes. It costs a system call, a
   * read and three events for each client that comes once. TLS has its own end to be said.
   */
  get #mayCloseAtOnce(): boolean {
    const { output } = this;
    return this.#isLast && !this.#secure && !this.#input.holdsBytes && output.pendingBytes === 0;
  }

  #close(): void {
    this.#input.ignore();
    this.#socket.destroy();
  }

  /** Ends it in the middle of whatever it does. An answer that ends with its connection must not look whole then. */
  #cut(): void {
    if (this.isServing || this.output.pendingBytes > 0) this.#break();
    else this.#socket.destroy();
  }

  #break(): void {
    // Many a client takes the end of a TCP connection for that of an answer, also without the end of TLS.
    const socket = this.#secure ? this.#transport : this.#socket;
    this.output.unlessEnding(() => socket.resetAndDestroy());
  }

  #within(timeoutMs: number, nowMs: number = monotonicMs()): void {
    this.#deadlineMs = nowMs + timeoutMs;
  }

  /**
   * Ends our half when all has left, and reads on for a while: closing a socket with unread bytes resets the connection, and
   * the client would lose the answer it has not read. RFC 9112 §9.6.
   */
  #linger(): void {
    const { clientSendTimeoutMs, lingerTimeoutMs } = this.#parts.limits;
    this.#input.ignore();
    if (this.output.pendingBytes > 0) {
      this.#within(clientSendTimeoutMs);
      this.output.end(() => this.#within(lingerTimeoutMs));
    } else {
      this.#within(lingerTimeoutMs);
      this.output.end();
    }
    if (!this.#ended) this.#input.resume();
  }

  #onEnd(): void {
    this.#ended = true;
    switch (this.#input.phase) {
      case "head":
        this.#linger();
        return;
      case "tunnel":
        this.#input.tunnel?.clientEnded();
        return;
      case "exchange":
        if (!this.#parts.servesHalfClosed || this.#input.exchange?.hasBodyLeft === true) {
          // Who hangs up has no use for the answer.
          this.#cut();
        }
        return;
      case "discarding":
        this.#cut();
        return;
      case "holding":
      case "deaf":
    }
  }

  #onClose(): void {
    const { exchange, tunnel } = this.#input;
    this.#input.ignore();
    if (tunnel !== undefined) tunnel.clientGone();
    else exchange?.clientGone();
    this.#parts.onClosed(this);
  }
}
