import type { Socket } from "node:net";

import type { FailureReason, Reply } from "../contract.ts";
import type { EngineParts } from "../exchange/engine-parts.ts";
import { Exchange } from "../exchange/exchange.ts";
import type { ClientTunnel, ExchangeClient } from "../exchange/exchange-client.ts";
import type { RequestBody } from "../exchange/request-body.ts";
import { receiveHead } from "../http1/receive-head.ts";
import { type Peer, ReceivedHead } from "../http1/received-head.ts";
import { COMPLETE, INCOMPLETE, type RequestScan } from "../http1/request-scan.ts";
import { failureStatus, replyText } from "../reply.ts";
import { HeadBuffer } from "./head-buffer.ts";

/** What client connections need from the engine, shared by all of them. */
export interface ClientParts extends EngineParts {
  /** One for all: everything is synchronous. */
  readonly scan: RequestScan;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxHeadBytes: number;
  readonly onClosed: (connection: ClientConnection) => void;
}

type Phase =
  | "head" // between requests, or inside a head
  | "exchange"
  | "discarding" // the answer was out before the body was in
  | "flushing" // a reply is more than the socket holds gladly: nothing is read until it has left
  | "tunnel"
  | "lingering" // all is said; what the client still sends is thrown away
  | "closed";

const nothing = Buffer.alloc(0);
const reasonOf: Readonly<Record<number, FailureReason>> = {
  400: "bad_request",
  414: "target_too_long",
  431: "head_too_large",
  501: "unsupported",
  505: "version_unsupported",
};

/** A client's connection: one request after the other. */
export class ClientConnection implements ExchangeClient, Peer {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly secure: boolean;
  readonly #parts: ClientParts;
  #socket: Socket;
  #phase: Phase = "head";
  #exchange: Exchange | undefined;
  #tunnel: ClientTunnel | undefined;
  #discarded: RequestBody | undefined;
  /** The beginning of a head, or what came before it was wanted. */
  readonly #held: HeadBuffer;
  #paused = false;
  #requests = 0;
  #parsing = false;
  #ended = false;
  #flushed: (() => void) | undefined;
  readonly #onFlushed = (): void => this.#tellFlushed();
  #deadlineMs: number;

  constructor(parts: ClientParts, socket: Socket, secure: boolean) {
    this.#parts = parts;
    this.#socket = socket;
    this.#held = new HeadBuffer(parts.maxHeadBytes);
    this.remoteAddress = withoutMappedPrefix(socket.remoteAddress ?? "");
    this.remotePort = socket.remotePort ?? 0;
    this.localPort = socket.localPort ?? 0;
    this.secure = secure;
    this.#deadlineMs = performance.now() + parts.headTimeoutMs;
  }

  /** Goes on with the socket that reads for it. */
  attach(socket: Socket): void {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClose());
  }

  /** Whether no request is under way. */
  get isIdle(): boolean {
    return this.#phase === "head" && this.#held.length === 0;
  }

  get isServing(): boolean {
    return ["exchange", "flushing", "tunnel"].includes(this.#phase);
  }

  /** Called with every read. */
  onBytes(bytes: Buffer, length: number): void {
    switch (this.#phase) {
      case "head":
        this.#headBytes(bytes, length);
        return;
      case "exchange":
        this.#bodyBytes(bytes, 0, length);
        return;
      case "discarding":
        this.#discardBytes(bytes, 0, length);
        return;
      case "tunnel":
        this.#tunnel?.clientBytes(bytes, length);
        return;
      case "flushing":
        this.#held.add(bytes, 0, length);
        return;
      case "lingering":
      case "closed":
    }
  }

  #headBytes(bytes: Buffer, length: number): void {
    const held = this.#held;
    if (held.length === 0) {
      this.#parse(bytes, 0, length);
      return;
    }
    held.add(bytes, 0, length);
    if (held.mayBeWhole) this.#parseHeld();
  }

  /** Parses what is held: until nothing is, or it has to wait for more or for its answer. */
  #parseHeld(): void {
    if (this.#parsing) return;
    this.#parsing = true;
    while (this.#phase === "head" && this.#held.length > 0) {
      const bytes = this.#held.take();
      this.#parse(bytes, 0, bytes.length);
      if (this.#phase === "head" && this.#held.length === bytes.length) break;
    }
    this.#parsing = false;
  }

  #parse(bytes: Buffer, from: number, to: number): void {
    const { scan } = this.#parts;
    const verdict = scan.scan(bytes, from, to);
    if (verdict === INCOMPLETE) {
      if (this.#held.length === 0 && from < to) {
        this.#deadlineMs = performance.now() + this.#parts.headTimeoutMs;
      }
      this.#held.add(bytes, from, to);
      return;
    }
    if (verdict !== COMPLETE) {
      this.#refuse(verdict, scan.fault);
      return;
    }
    const end = scan.end;
    const head = receiveHead(scan, bytes, this);
    if (!(head instanceof ReceivedHead)) {
      this.#refuse(head.status, head.fault);
      return;
    }
    this.#requests += 1;
    const exchange = new Exchange(this.#parts, this, head, performance.now());
    this.#exchange = exchange;
    this.#phase = "exchange";
    exchange.start();
    if (this.#exchange === exchange) this.#bodyBytes(bytes, end, to);
    else this.#nextBytes(bytes, end, to);
  }

  #bodyBytes(bytes: Buffer, from: number, to: number): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    let at = from;
    if (exchange.wantsBody) at = exchange.takeBody(bytes, from, to);
    if (this.#exchange !== exchange) {
      this.#nextBytes(bytes, at, to);
    } else if (at < to) {
      // Not wanted yet: a body without a node, or the next request.
      this.#held.add(bytes, at, to);
      this.pauseReading();
    }
  }

  /** The answer was there at once; what follows is the next request. */
  #nextBytes(bytes: Buffer, from: number, to: number): void {
    if (from >= to) return;
    if (this.#phase === "discarding") {
      this.#discardBytes(bytes, from, to);
    } else if (this.#phase === "head" || this.#phase === "flushing") {
      this.#held.add(bytes, from, to);
      this.#parseHeld();
    }
  }

  discard(body: RequestBody): void {
    this.#exchange = undefined;
    this.#phase = "discarding";
    this.#discarded = body;
    this.#deadlineMs = performance.now() + this.#parts.limits.discardMs;
    if (this.#held.length > 0) {
      const bytes = this.#held.take();
      this.#discardBytes(bytes, 0, bytes.length);
    }
    if (this.#phase === "discarding") this.resumeReading();
  }

  #discardBytes(bytes: Buffer, from: number, to: number): void {
    const body = this.#discarded!;
    const next = body.discard(bytes, from, to);
    if (body.bad || body.done) {
      this.finished(!body.bad);
      this.#nextBytes(bytes, next, to);
    }
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  writeText(text: string): void {
    this.#socket.write(text, "latin1");
  }

  write(text: string, bytes: Buffer, from: number, to: number, tail: string): void {
    const socket = this.#socket;
    if (to - from <= 8_192) {
      const piece = to === from ? text : text + bytes.toString("latin1", from, to);
      socket.write(tail === "" ? piece : piece + tail, "latin1");
      return;
    }
    socket.cork();
    if (text !== "") socket.write(text, "latin1");
    socket.write(bytes.subarray(from, to));
    if (tail !== "") socket.write(tail, "latin1");
    socket.uncork();
  }

  whenFlushed(callback: () => void): void {
    this.#flushed = callback;
    this.#socket.write(nothing, this.#onFlushed);
  }

  #tellFlushed(): void {
    if (this.#socket.writableLength > 0 && !this.#socket.destroyed) {
      this.#socket.write(nothing, this.#onFlushed);
      return;
    }
    const callback = this.#flushed;
    this.#flushed = undefined;
    callback?.();
  }

  pauseReading(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    const wasPaused = this.#paused;
    this.#paused = false;
    if (this.#held.length > 0 && this.#exchange?.wantsBody === true) {
      const bytes = this.#held.take();
      this.#bodyBytes(bytes, 0, bytes.length);
      // What was held may be more than the node takes, or more than the body.
      if (this.#paused) return;
    }
    if (wasPaused) this.#socket.resume();
  }

  reply(reply: Reply, head: ReceivedHead, keepAlive: boolean): void {
    let connection = "";
    if (!keepAlive) connection = "Connection: close\r\n";
    else if (head.httpVersion === "1.0") connection = "Connection: keep-alive\r\n";
    this.#socket.write(replyText(reply, head.method !== "HEAD", connection), "latin1");
  }

  get mayStay(): boolean {
    const { maxRequestsPerConnection: most } = this.#parts.limits;
    return most === 0 || this.#requests < most;
  }

  finished(keepAlive: boolean): void {
    this.#exchange = undefined;
    if (!this.#socket.writableNeedDrain) {
      this.#goOn(keepAlive);
      return;
    }
    this.#phase = "flushing";
    this.#deadlineMs = performance.now() + this.#parts.limits.clientSendTimeoutMs;
    this.pauseReading();
    this.whenFlushed(() => {
      if (this.#phase !== "flushing" || this.#socket.destroyed) return;
      this.#goOn(keepAlive && !this.#parts.isClosing());
    });
  }

  #goOn(keepAlive: boolean): void {
    if (!keepAlive || this.#ended) {
      this.#linger();
      return;
    }
    this.#phase = "head";
    const { idleTimeoutMs, headTimeoutMs } = this.#parts;
    const begun = this.#held.length > 0;
    this.#deadlineMs = performance.now() + (begun ? headTimeoutMs : idleTimeoutMs);
    if (begun && this.#held.mayBeWhole) this.#parseHeld();
    if (this.#phase === "head") this.resumeReading();
  }

  reset(): void {
    this.#exchange = undefined;
    this.#phase = "closed";
    this.#socket.resetAndDestroy();
  }

  tunnel(tunnel: ClientTunnel): void {
    this.#phase = "tunnel";
    this.#tunnel = tunnel;
    if (this.#held.length > 0) {
      const bytes = this.#held.take();
      tunnel.clientBytes(bytes, bytes.length);
    }
    this.resumeReading();
  }

  endHalf(): void {
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  /** Ends it: at once when idle, else with the answer under way. */
  retire(): void {
    if (this.isIdle) this.#linger();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Looks after deadlines. */
  sweep(nowMs: number): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      if (exchange.deadlineMs <= nowMs) exchange.late(nowMs);
    } else if (this.#deadlineMs <= nowMs) {
      if (this.#phase === "head" && this.#held.length > 0) {
        this.#refuse(408, "the request head took too long");
      } else {
        this.#socket.destroy();
      }
    }
  }

  /** Says why a head is not served, and ends the connection: where the next one begins is unknown. */
  #refuse(status: number, detail: string): void {
    const reason = reasonOf[status] ?? (status === 408 ? "request_timeout" : "bad_request");
    const reply = this.#parts.describe({
      reason,
      status: failureStatus[reason],
      detail,
      tried: [],
    });
    this.#socket.write(replyText(reply, true, "Connection: close\r\n"), "latin1");
    this.#linger();
  }

  /**
   * Ends our half, and reads on for a while: closing a socket with unread bytes resets the connection, and
   * the client would lose the answer it has not read. RFC 9112 §9.6.
   */
  #linger(): void {
    this.#phase = "lingering";
    this.#held.clear();
    this.#deadlineMs = performance.now() + this.#parts.limits.lingerMs;
    if (!this.#socket.writableEnded) this.#socket.end();
    if (this.#ended) return;
    this.#paused = false;
    this.#socket.resume();
  }

  #onEnd(): void {
    this.#ended = true;
    switch (this.#phase) {
      case "head":
        this.#linger();
        return;
      case "tunnel":
        this.#tunnel?.clientEnded();
        return;
      case "exchange":
      case "discarding":
        // Who hangs up has no use for the answer.
        this.#socket.destroy();
        return;
      case "flushing":
      case "lingering":
      case "closed":
    }
  }

  #onClose(): void {
    this.#phase = "closed";
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (this.#tunnel !== undefined) this.#tunnel.clientGone();
    else exchange?.clientGone();
    this.#held.clear();
    this.#parts.onClosed(this);
  }
}

function withoutMappedPrefix(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
