import type { Socket } from "node:net";

import type { Exchange } from "../exchange/exchange.ts";
import type { ClientTunnel } from "../exchange/exchange-client.ts";
import type { RequestBody } from "../exchange/request-body.ts";
import { receiveHead } from "../http1/receive-head.ts";
import { type Peer, ReceivedHead } from "../http1/received-head.ts";
import type { RequestScan } from "../http1/request-scan.ts";
import { COMPLETE, INCOMPLETE } from "../http1/verdict.ts";
import { HeadBuffer } from "../http1/head-buffer.ts";

/** Whose requests they are. */
export interface RequestStreamUser {
  /** A request begins; its exchange takes the body. */
  requested(head: ReceivedHead): Exchange;
  /** What came is no request that can be served. */
  refused(status: number, detail: string): void;
  /** What was to be thrown away is: in order, or not. */
  discarded(inOrder: boolean): void;
  /** A head has begun, and its end is not there yet. */
  headBegun(): void;
}

type Phase =
  | "head" // between requests, or inside a head
  | "exchange"
  | "discarding" // the answer was out before the body was in
  | "holding" // nothing is read until the client has taken what it was sent
  | "tunnel"
  | "deaf"; // what comes is thrown away

/** What one client sends: one request after the other, each head and each body to whom it is for. */
export class RequestStream {
  readonly #user: RequestStreamUser;
  readonly #peer: Peer;
  /** One for all connections: everything is synchronous. */
  readonly #scan: RequestScan;
  #socket: Socket;
  #phase: Phase = "head";
  #exchange: Exchange | undefined;
  #tunnel: ClientTunnel | undefined;
  #discarded: RequestBody | undefined;
  /** The beginning of a head, or what came before it was wanted. */
  readonly #held: HeadBuffer;
  #paused = false;
  #parsing = false;

  constructor(
    user: RequestStreamUser,
    peer: Peer,
    socket: Socket,
    scan: RequestScan,
    maxHeadBytes: number,
  ) {
    this.#user = user;
    this.#peer = peer;
    this.#socket = socket;
    this.#scan = scan;
    this.#held = new HeadBuffer(maxHeadBytes);
  }

  /** Goes on with another socket. */
  moveTo(socket: Socket): void {
    this.#socket = socket;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The exchange under way. */
  get exchange(): Exchange | undefined {
    return this.#exchange;
  }

  get tunnel(): ClientTunnel | undefined {
    return this.#tunnel;
  }

  /** Whether bytes are held that nobody has taken yet. */
  get holdsBytes(): boolean {
    return this.#held.length > 0;
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
      case "holding":
        this.#held.add(bytes, 0, length);
        return;
      case "deaf":
    }
  }

  /** The next request may come. */
  goOn(): void {
    this.#exchange = undefined;
    this.#phase = "head";
    if (this.#held.length > 0 && this.#held.mayBeWhole) this.#parseHeld();
    if (this.#phase === "head") this.resume();
  }

  /** Throws away the rest of a body whose exchange is over. */
  discard(body: RequestBody): void {
    this.#exchange = undefined;
    this.#phase = "discarding";
    this.#discarded = body;
    if (this.#held.length > 0) {
      const bytes = this.#held.take();
      this.#discardBytes(bytes, 0, bytes.length);
    }
    if (this.#phase === "discarding") this.resume();
  }

  /** The exchange is over, but nothing more is wanted for now. */
  hold(): void {
    this.#exchange = undefined;
    this.#phase = "holding";
    this.pause();
  }

  /** From here on bytes are no requests. */
  switchTo(tunnel: ClientTunnel): void {
    this.#phase = "tunnel";
    this.#tunnel = tunnel;
    if (this.#held.length > 0) {
      const bytes = this.#held.take();
      tunnel.clientBytes(bytes, bytes.length);
    }
    this.resume();
  }

  /** Nothing that comes matters any more. */
  ignore(): void {
    this.#exchange = undefined;
    this.#phase = "deaf";
    this.#held.clear();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
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
    const scan = this.#scan;
    const verdict = scan.scan(bytes, from, to);
    if (verdict === INCOMPLETE) {
      if (this.#held.length === 0 && from < to) this.#user.headBegun();
      this.#held.add(bytes, from, to);
      return;
    }
    if (verdict !== COMPLETE) {
      this.#user.refused(verdict, scan.fault);
      return;
    }
    const end = scan.end;
    const head = receiveHead(scan, bytes, this.#peer);
    if (!(head instanceof ReceivedHead)) {
      this.#user.refused(head.status, head.fault);
      return;
    }
    const exchange = this.#user.requested(head);
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
      this.pause();
    }
  }

  /** The answer was there at once; what follows is the next request. */
  #nextBytes(bytes: Buffer, from: number, to: number): void {
    if (from >= to) return;
    if (this.#phase === "discarding") {
      this.#discardBytes(bytes, from, to);
    } else if (this.#phase === "head" || this.#phase === "holding") {
      this.#held.add(bytes, from, to);
      this.#parseHeld();
    }
  }

  #discardBytes(bytes: Buffer, from: number, to: number): void {
    const body = this.#discarded!;
    const next = body.discard(bytes, from, to);
    if (body.bad || body.done) {
      this.#user.discarded(!body.bad);
      this.#nextBytes(bytes, next, to);
    }
  }
}
