import { COLON, CR, LF, SP, TAB, tokenByte, valueByte } from "./char-class.ts";
import { ConnectionOptions } from "./connection-options.ts";
import { KnownFields, nextHash } from "./known-fields.ts";
import { parseLength } from "./length.ts";
import type { HeadLimits } from "./request-scan.ts";
import { COMPLETE, INCOMPLETE } from "./verdict.ts";
import { Runs } from "./runs.ts";

/** The head has more than one reading, or none. */
export const MALFORMED = 2;

const known = new KnownFields([
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "trailer",
  "date",
  // From here on: fields of one hop that only leave.
  "proxy-connection",
  "proxy-authenticate",
  "te",
]);
const [LENGTH, CODING, CONNECTION, KEEP_ALIVE, UPGRADE, TRAILER, DATE] = [
  1, 2, 3, 4, 5, 6, 7,
] as const;

/**
 * Reads one head of a node's answer where it lies, as strictly as a request's: what a client could take for
 * something else than we do is {@link MALFORMED}. The results hold until the next {@link scan}.
 */
export class ResponseScan {
  readonly #limits: HeadLimits;
  readonly #connection = new ConnectionOptions();

  /** Why the head was refused, when it was. */
  fault = "";

  /** Offset behind the empty line. */
  end = 0;
  status = 0;
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  minor = 1;
  /** Offset of the status line. */
  start = 0;
  /** Offset of the status, and behind the status line without its end. */
  statusStart = 0;
  statusLineEnd = 0;
  /** Content-Length; -1: there is none. */
  length = -1;
  chunked = false;
  /** How long the node keeps an idle connection, in s; -1: it does not say. */
  keepAliveS = -1;
  /** Upgrade's value; `upgradeEnd` 0: there is none. */
  upgradeStart = 0;
  upgradeEnd = 0;
  /** Names of the trailers to come; empty: none are announced. */
  trailer = "";
  /** Whether it says when it was given. */
  isDated = false;
  /** Lines that travel on, in order, without those of the framing. */
  readonly kept: Runs = new Runs();

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** Whether the node closes the connection after the answer. */
  get close(): boolean {
    return !this.#connection.stays(this.minor);
  }

  /** Names in Connection, in lower case: those fields belong to this hop as well. */
  get nominated(): readonly string[] {
    return this.#connection.nominated;
  }

  /** @returns {@link COMPLETE}, {@link INCOMPLETE} or {@link MALFORMED}. */
  scan(bytes: Buffer, from: number, to: number): number {
    this.start = from;
    const limit = from + this.#limits.maxBytes;
    const last = Math.min(to, limit);
    // Overwritten by all other refusals; at hand as a value, for calls in the loops are dear.
    this.fault = "the head is too large";
    const missing = to < limit ? INCOMPLETE : MALFORMED;
    const prefix = "HTTP/1.";
    for (let index = 0; index < prefix.length; index += 1) {
      if (from + index >= last) return missing;
      if (bytes[from + index] !== prefix.charCodeAt(index)) return this.#noStatusLine();
    }
    if (from + 13 > last) return missing;
    const minor = bytes[from + 7]! - 0x30;
    if ((minor !== 0 && minor !== 1) || bytes[from + 8] !== SP) return this.#noStatusLine();
    this.minor = minor;
    this.statusStart = from + 9;
    this.status = parseLength(bytes, from + 9, from + 12);
    if (this.status < 100) return this.#refuse("the status is malformed");
    let at = from + 12;
    // RFC 9112 §4: a space before the reason, even when that is empty; some leave it out.
    if (bytes[at] !== SP && bytes[at] !== CR) return this.#noStatusLine();
    while (at < last && valueByte[bytes[at]!] === 1) at += 1;
    if (at >= last || (bytes[at] === CR && at + 1 >= last)) return missing;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.#noStatusLine();
    this.statusLineEnd = at;
    return this.#fields(bytes, at + 2, last, missing);
  }

  #fields(bytes: Buffer, from: number, last: number, missing: number): number {
    this.length = -1;
    this.chunked = false;
    this.keepAliveS = -1;
    this.upgradeEnd = 0;
    this.trailer = "";
    this.isDated = false;
    this.#connection.clear();
    const { kept } = this;
    kept.clear();
    let at = from;
    let run = from;
    let fields = 0;
    for (;;) {
      if (at >= last) return missing;
      if (bytes[at] === CR) {
        if (at + 1 >= last) return missing;
        if (bytes[at + 1] !== LF) return this.#refuse("a bare CR in the head");
        break;
      }
      fields += 1;
      if (fields > this.#limits.maxFields) return this.#refuse("too many header fields");
      const nameStart = at;
      let hash = 0;
      let byte = bytes[at]!;
      while (tokenByte[byte] === 1) {
        hash = nextHash(hash, byte);
        at += 1;
        if (at >= last) return missing;
        byte = bytes[at]!;
      }
      if (byte !== COLON || at === nameStart) {
        return this.#refuse("a header field's name is malformed");
      }
      const field = known.find(bytes, nameStart, at, hash);
      at += 1;
      while (at < last && (bytes[at] === SP || bytes[at] === TAB)) at += 1;
      const valueStart = at;
      while (at < last && valueByte[bytes[at]!] === 1) at += 1;
      if (at >= last || (bytes[at] === CR && at + 1 >= last)) return missing;
      if (bytes[at] !== CR || bytes[at + 1] !== LF) {
        return this.#refuse("a header field's value is malformed");
      }
      if (field === DATE) {
        this.isDated = true;
      } else if (field !== 0) {
        let valueEnd = at;
        while (
          valueEnd > valueStart &&
          (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)
        ) {
          valueEnd -= 1;
        }
        const verdict = this.#know(field, bytes, valueStart, valueEnd);
        if (verdict !== COMPLETE) return verdict;
        if (nameStart > run) kept.add(run, nameStart);
        run = at + 2;
      }
      at += 2;
    }
    if (at > run) kept.add(run, at);
    this.end = at + 2;
    return this.chunked && this.length !== -1
      ? this.#refuse("both Content-Length and Transfer-Encoding")
      : COMPLETE;
  }

  #noStatusLine(): number {
    return this.#refuse("the status line is malformed");
  }

  #refuse(fault: string): number {
    this.fault = fault;
    return MALFORMED;
  }

  #know(field: number, bytes: Buffer, from: number, to: number): number {
    switch (field) {
      case LENGTH: {
        if (this.length !== -1) return this.#refuse("more than one Content-Length");
        this.length = parseLength(bytes, from, to);
        return this.length === -1 ? this.#refuse("Content-Length is malformed") : COMPLETE;
      }
      case CODING:
        return this.#coding(bytes, from, to);
      case CONNECTION:
        this.#connection.add(bytes, from, to);
        return COMPLETE;
      case KEEP_ALIVE: {
        const seconds = /(?:^|[ \t,])timeout=(\d{1,9})/i.exec(
          bytes.toString("latin1", from, to),
        )?.[1];
        if (seconds !== undefined) this.keepAliveS = Number(seconds);
        return COMPLETE;
      }
      case UPGRADE:
        this.upgradeStart = from;
        this.upgradeEnd = to;
        return COMPLETE;
      case TRAILER:
        this.trailer = bytes.toString("latin1", from, to);
        return COMPLETE;
      default:
        return COMPLETE;
    }
  }

  #coding(bytes: Buffer, from: number, to: number): number {
    if (this.chunked) return this.#refuse("more than one Transfer-Encoding field");
    if (this.minor === 0) return this.#refuse("Transfer-Encoding in HTTP/1.0");
    // A space at the end of the line is part of the value to some readers.
    this.chunked =
      bytes[to] === CR && bytes.toString("latin1", from, to).toLowerCase() === "chunked";
    return this.chunked ? COMPLETE : this.#refuse("a transfer coding other than chunked");
  }
}
