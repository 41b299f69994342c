import type { Wire } from "./side.ts";

/** What clients asked over one connection, piece by piece as it arrives. */
export interface WireCounter {
  /** Takes what a client sent next. @returns how many requests it began with it */
  push(piece: Buffer): number;
}

/** Counts requests of one connection: HTTP/1.1 requests, gRPC messages and pings over HTTP/2, frames of ZooKeeper. */
export function wireCounter(wire: Wire): WireCounter {
  if (wire === "http1") return new RequestLines();
  if (wire === "http2") return new Frames(preface.length, 9, http2Length, isMessage);
  return new Frames(
    0,
    4,
    (head) => head.readUInt32BE(0),
    () => true,
  );
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const data = 0;
const ping = 6;
const ack = 1;

/** A call and each message of a stream is a DATA frame, and small; acknowledgements and windows ask nothing. */
function isMessage(head: Buffer): boolean {
  const [type, flags] = [head[3], head[4] ?? 0];
  return (type === data && http2Length(head) > 0) || (type === ping && (flags & ack) === 0);
}

function http2Length(head: Buffer): number {
  return head.readUIntBE(0, 3);
}

/** Frames with a length in their head. */
class Frames implements WireCounter {
  readonly #head: Buffer;
  readonly #lengthOf: (head: Buffer) => number;
  readonly #counts: (head: Buffer) => boolean;
  #skip: number;
  #have = 0;

  constructor(
    skip: number,
    headLength: number,
    lengthOf: (head: Buffer) => number,
    counts: (head: Buffer) => boolean,
  ) {
    this.#skip = skip;
    this.#head = Buffer.alloc(headLength);
    this.#lengthOf = lengthOf;
    this.#counts = counts;
  }

  push(piece: Buffer): number {
    let count = 0;
    for (let at = 0; at < piece.length;) {
      const skipped = Math.min(this.#skip, piece.length - at);
      this.#skip -= skipped;
      at += skipped;
      const taken = piece.copy(this.#head, this.#have, at);
      this.#have += taken;
      at += taken;
      if (this.#have < this.#head.length) break;
      this.#have = 0;
      this.#skip = this.#lengthOf(this.#head);
      if (this.#counts(this.#head)) count += 1;
    }
    return count;
  }
}

const lineEnd = " HTTP/1.1\r\n";

/** Bodies of registries are JSON or forms: none holds the end of a request line. */
class RequestLines implements WireCounter {
  #rest = "";

  push(piece: Buffer): number {
    const text = this.#rest + piece.toString("latin1");
    this.#rest = text.slice(-(lineEnd.length - 1));
    return text.split(lineEnd).length - 1;
  }
}
