import { COLON, CR, DOT, LF, SP, TAB, targetByte, tokenByte, valueByte } from "./char-class.ts";
import { ConnectionOptions } from "./connection-options.ts";
import { KnownFields, nextHash } from "./known-fields.ts";
import { parseLength } from "./length.ts";
import { Runs } from "./runs.ts";

/** The head is whole and has one reading. */
export const COMPLETE = 0;
/** More bytes are needed. */
export const INCOMPLETE = 1;

/** Bounds of a head. */
export interface HeadLimits {
  /** From the first byte of the start line to the empty line, both included. */
  readonly maxBytes: number;
  readonly maxFields: number;
}

const known = new KnownFields([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "expect",
  "upgrade",
  "te",
  "via",
  "x-forwarded-for",
  // From here on: fields of one hop, and fields that we write ourselves. They only leave.
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "trailer",
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
]);
const [HOST, LENGTH, CODING, CONNECTION, EXPECT, UPGRADE, TE, VIA, FORWARDED_FOR] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;

/** Codings that we do not know, and a final chunked. */
const furtherCodings = /^(?:(?!chunked)[\w!#$%&'*+.^`|~-]+[ \t]*,[ \t]*)+chunked$/;

const [ZERO, ONE, NINE] = [0x30, 0x31, 0x39] as const;

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/**
 * Reads one request head where it lies, and remembers offsets into it.
 *
 * It judges by RFC 9112 with one interpretation or none: no obs-fold, no bare CR or LF, no space before a
 * colon, one Host, one Content-Length of digits, never together with Transfer-Encoding, and of that one
 * final `chunked` only. The results hold until the next {@link scan}; everything is synchronous, so one
 * scanner serves all connections.
 */
export class RequestScan {
  readonly #limits: HeadLimits;
  readonly #connection = new ConnectionOptions();
  /** Why the head was refused, when it was. */
  fault = "";

  /** Offset of the method. */
  start = 0;
  /** Offset behind the empty line. */
  end = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** Offset of the first field. */
  fieldsStart = 0;
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  minor = 1;
  /** Host's value; `hostEnd` 0: there is none. */
  hostStart = 0;
  hostEnd = 0;
  /** Content-Length; -1: there is none. */
  length = -1;
  chunked = false;
  /** Whether it waits for 100 before it sends its body. */
  expectsContinue = false;
  /** Whether it takes trailers. */
  trailers = false;
  /** Upgrade's value, when Connection names it; `upgradeEnd` 0: there is none. */
  upgradeStart = 0;
  upgradeEnd = 0;
  /** Lines that travel on as they are, in order. Those of Host and of the framing are written anew. */
  readonly kept: Runs = new Runs();
  /** Values of X-Forwarded-For and of Via, in order. */
  readonly forwardedFor: Runs = new Runs();
  readonly via: Runs = new Runs();

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** Whether the connection ends with the answer. */
  get close(): boolean {
    return !this.#connection.stays(this.minor);
  }

  /** Names in Connection, in lower case: those fields belong to this hop as well. */
  get nominated(): readonly string[] {
    return this.#connection.nominated;
  }

  /**
   * @param bytes  A head may begin at `from` and end at `to` at the latest.
   * @returns {@link COMPLETE}, {@link INCOMPLETE}, or the status to refuse it with; `fault` then says why.
   */
  scan(bytes: Buffer, from: number, to: number): number {
    let at = from;
    // RFC 9112 §2.2: one empty line before the request line is forgiven.
    if (at < to && bytes[at] === CR) {
      if (at + 1 === to) return INCOMPLETE;
      if (bytes[at + 1] !== LF) return this.#refuse(400, "a bare CR before the request line");
      at += 2;
    }
    this.start = at;
    const limit = at + this.#limits.maxBytes;
    const last = Math.min(to, limit);
    // Overwritten by all other refusals; at hand as a value, for calls in the loops are dear.
    this.fault = "the head is too large";
    const missing = to < limit ? INCOMPLETE : 431;
    while (at < last && tokenByte[bytes[at]!] === 1) at += 1;
    if (at === last) return missing;
    if (bytes[at] !== SP || at === this.start) return this.#refuse(400, "the method is malformed");
    this.methodEnd = at;
    at += 1;
    this.targetStart = at;
    while (at < last && targetByte[bytes[at]!] === 1) at += 1;
    if (at === last) {
      return missing === INCOMPLETE
        ? INCOMPLETE
        : this.#refuse(414, "the request target is too long");
    }
    if (bytes[at] !== SP || at === this.targetStart) {
      return this.#refuse(400, "the request target is malformed");
    }
    this.targetEnd = at;
    const version = this.#version(bytes, at + 1, last);
    if (version === INCOMPLETE) return missing;
    if (version !== COMPLETE) return version;
    return this.#fields(bytes, at + 11, last, missing);
  }

  /** `HTTP/1.0` or `HTTP/1.1` and the end of the line. */
  #version(bytes: Buffer, from: number, last: number): number {
    const name = "HTTP/";
    for (let index = 0; index < name.length; index += 1) {
      if (from + index >= last) return INCOMPLETE;
      if (bytes[from + index] !== name.charCodeAt(index)) return this.#noRequestLine();
    }
    const major = from + 5 < last ? bytes[from + 5]! : ONE;
    if (!isDigit(major)) return this.#noRequestLine();
    if (major !== ONE) return this.#refuse(505, "the HTTP version is not served");
    if (from + 6 < last && bytes[from + 6] !== DOT) return this.#noRequestLine();
    const minor = from + 7 < last ? bytes[from + 7]! : ONE;
    if (!isDigit(minor)) return this.#noRequestLine();
    if (from + 8 < last && bytes[from + 8] !== CR) return this.#noRequestLine();
    if (from + 9 >= last) return INCOMPLETE;
    if (bytes[from + 9] !== LF) return this.#noRequestLine();
    // RFC 9110 §2.5 would read a higher minor version as 1.1. There is none, and not all readers do.
    if (minor > ONE) return this.#refuse(505, "the HTTP version is not served");
    this.minor = minor - ZERO;
    return COMPLETE;
  }

  #noRequestLine(): number {
    return this.#refuse(400, "the request line is malformed");
  }

  #fields(bytes: Buffer, from: number, last: number, missing: number): number {
    this.#reset(from);
    const { kept } = this;
    let at = from;
    let run = from;
    let fields = 0;
    for (;;) {
      if (at >= last) return missing;
      if (bytes[at] === CR) {
        if (at + 1 >= last) return missing;
        if (bytes[at + 1] !== LF) return this.#refuse(400, "a bare CR in the head");
        break;
      }
      fields += 1;
      if (fields > this.#limits.maxFields) {
        return this.#refuse(431, `more than ${this.#limits.maxFields} header fields`);
      }
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
        return this.#refuse(400, "a header field's name is malformed");
      }
      const field = known.find(bytes, nameStart, at, hash);
      at += 1;
      while (at < last && (bytes[at] === SP || bytes[at] === TAB)) at += 1;
      const valueStart = at;
      while (at < last && valueByte[bytes[at]!] === 1) at += 1;
      if (at >= last) return missing;
      if (bytes[at] === CR && at + 1 >= last) return missing;
      if (bytes[at] !== CR || bytes[at + 1] !== LF) {
        return this.#refuse(400, "a header field's value is malformed");
      }
      if (field !== 0) {
        let valueEnd = at;
        while (
          valueEnd > valueStart &&
          (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)
        ) {
          valueEnd -= 1;
        }
        const status = this.#know(field, bytes, valueStart, valueEnd);
        if (status !== COMPLETE) return status;
        if (nameStart > run) kept.add(run, nameStart);
        run = at + 2;
      }
      at += 2;
    }
    if (at > run) kept.add(run, at);
    this.end = at + 2;
    return this.#whole();
  }

  #reset(fieldsStart: number): void {
    this.fieldsStart = fieldsStart;
    this.hostStart = 0;
    this.hostEnd = 0;
    this.length = -1;
    this.chunked = false;
    this.expectsContinue = false;
    this.trailers = false;
    this.upgradeStart = 0;
    this.upgradeEnd = 0;
    this.#connection.clear();
    this.kept.clear();
    this.forwardedFor.clear();
    this.via.clear();
  }

  /** Takes in one field that means something to us. */
  #know(field: number, bytes: Buffer, from: number, to: number): number {
    switch (field) {
      case HOST:
        if (this.hostEnd !== 0) return this.#refuse(400, "more than one Host field");
        this.hostStart = from;
        this.hostEnd = to;
        return COMPLETE;
      case LENGTH: {
        if (this.length !== -1) return this.#refuse(400, "more than one Content-Length");
        const length = parseLength(bytes, from, to);
        if (length === -1) return this.#refuse(400, "Content-Length is malformed");
        this.length = length;
        return COMPLETE;
      }
      case CODING:
        // A space at the end of the line is part of the value to some readers.
        return bytes[to] === CR
          ? this.#coding(bytes.toString("latin1", from, to).toLowerCase())
          : this.#refuse(400, "Transfer-Encoding is not one final chunked");
      case CONNECTION:
        this.#connection.add(bytes, from, to);
        return COMPLETE;
      case EXPECT:
        // RFC 9110 §10.1.1: any other expectation may be ignored, and so may all of HTTP/1.0.
        this.expectsContinue ||=
          this.minor === 1 && bytes.toString("latin1", from, to).toLowerCase() === "100-continue";
        return COMPLETE;
      case UPGRADE:
        this.upgradeStart = from;
        this.upgradeEnd = to;
        return COMPLETE;
      case TE:
        this.trailers ||= /(?:^|[ \t,])trailers[ \t]*(?:,|$)/i.test(
          bytes.toString("latin1", from, to),
        );
        return COMPLETE;
      case VIA:
        this.via.add(from, to);
        return COMPLETE;
      case FORWARDED_FOR:
        if (to > from) this.forwardedFor.add(from, to);
        return COMPLETE;
      default:
        return COMPLETE;
    }
  }

  #coding(coding: string): number {
    if (this.chunked) return this.#refuse(400, "more than one Transfer-Encoding field");
    if (coding === "chunked") {
      this.chunked = true;
      return COMPLETE;
    }
    // RFC 9112 §6.3: without a final chunked the end of the body is anybody's guess.
    return furtherCodings.test(coding)
      ? this.#refuse(501, "a transfer coding other than chunked")
      : this.#refuse(400, "Transfer-Encoding is not one final chunked");
  }

  #whole(): number {
    if (!this.#connection.upgrade || this.minor === 0) this.upgradeEnd = 0;
    if (this.chunked) {
      if (this.length !== -1) {
        return this.#refuse(400, "both Content-Length and Transfer-Encoding");
      }
      if (this.minor === 0) return this.#refuse(400, "Transfer-Encoding in HTTP/1.0");
    }
    if (this.hostEnd === 0 && this.minor === 1) {
      return this.#refuse(400, "the Host field is missing");
    }
    return COMPLETE;
  }

  #refuse(status: number, fault: string): number {
    this.fault = fault;
    return status;
  }
}
