import type { Request } from "./requests.ts";

/** The answer to a request: its value, or the error code that came in its place. */
export type Answer<T> =
  | { readonly error: 0; readonly value: T }
  | { readonly error: number; readonly value?: undefined };

/** A request that waits: to be sent, or for its answer. */
export interface WaitingRequest {
  readonly request: Request<unknown>;
  readonly resolve: (answer: Answer<never>) => void;
  readonly reject: (error: unknown) => void;
  readonly askedAtMs: number;
  /** Number on the wire: answers name it. */
  readonly xid: number;
  /** Nobody waits any more; the answer, which comes all the same, is dropped. */
  isOver: boolean;
}

/** Requests on their way at once; more wait here, so that thousands of reads do not drown a server. */
const maxInFlight = 512;
const maxXid = 0x7fffffff;

/** The requests of one connection, in the order they were made, which is that of their answers. */
export class RequestQueue {
  readonly #waiting: WaitingRequest[] = [];
  readonly #sent: WaitingRequest[] = [];
  #xid = 0;

  add(
    request: Request<unknown>,
    settle: Pick<WaitingRequest, "resolve" | "reject">,
  ): WaitingRequest {
    this.#xid = this.#xid === maxXid ? 1 : this.#xid + 1;
    const askedAtMs = performance.now();
    const waiting = { request, ...settle, askedAtMs, xid: this.#xid, isOver: false };
    this.#waiting.push(waiting);
    return waiting;
  }

  /** The next request to send; undefined when there is none, or enough are on their way. */
  next(): WaitingRequest | undefined {
    while (this.#sent.length < maxInFlight) {
      const next = this.#waiting.shift();
      if (next === undefined || !next.isOver) return next;
    }
    return undefined;
  }

  /** The request is on its way. */
  sent(request: WaitingRequest): void {
    this.#sent.push(request);
  }

  /** The request that is answered next. */
  answered(): WaitingRequest | undefined {
    return this.#sent.shift();
  }

  /** Takes the requests that are older than that for over. */
  expire(timeoutMs: number, expired: (request: WaitingRequest) => void): void {
    const nowMs = performance.now();
    for (const list of [this.#sent, this.#waiting]) {
      // The oldest come first.
      for (const one of list) {
        if (nowMs - one.askedAtMs < timeoutMs) break;
        if (!one.isOver) expired(one);
        one.isOver = true;
      }
    }
  }

  /** Takes all requests out. */
  drain(): WaitingRequest[] {
    return [...this.#sent.splice(0), ...this.#waiting.splice(0)];
  }
}
