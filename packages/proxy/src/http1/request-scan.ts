import { COLON, CR, DOT, LF, SP, TAB, targetByte, tokenByte, valueByte } from "./char-class.ts";
import { nextHash } from "./known-fields.ts";
import { knownFields, RequestFields } from "./request-fields.ts";
import { Runs } from "./runs.ts";
import { COMPLETE, INCOMPLETE } from "./verdict.ts";

/** Bounds of a head. */
export interface HeadLimits {
  /** From the first byte of the start line to the empty line, both included. */
  readonly maxBytes: number;
  readonly maxFields: number;
}

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
export class RequestScan extends RequestFields {
  readonly #limits: HeadLimits;

  /** Offset of the method. */
  start = 0;
  /** Offset behind the empty line. */
  end = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** Offset of the first field. */
  fieldsStart = 0;
  /** Lines that travel on as they are, in order. Those of Host and of the framing are written anew. */
  readonly kept: Runs = new Runs();

  constructor(limits: HeadLimits) {
    super();
    this.#limits = limits;
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
      if (bytes[at + 1] !== LF) return this.refuse(400, "a bare CR before the request line");
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
    if (bytes[at] !== SP || at === this.start) return this.refuse(400, "the method is malformed");
    this.methodEnd = at;
    at += 1;
    this.targetStart = at;
    while (at < last && targetByte[bytes[at]!] === 1) at += 1;
    if (at === last) {
      return missing === INCOMPLETE
        ? INCOMPLETE
        : this.refuse(414, "the request target is too long");
    }
    if (bytes[at] !== SP || at === this.targetStart) {
      return this.refuse(400, "the request target is malformed");
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
    if (major !== ONE) return this.refuse(505, "the HTTP version is not served");
    if (from + 6 < last && bytes[from + 6] !== DOT) return this.#noRequestLine();
    const minor = from + 7 < last ? bytes[from + 7]! : ONE;
    if (!isDigit(minor)) return this.#noRequestLine();
    if (from + 8 < last && bytes[from + 8] !== CR) return this.#noRequestLine();
    if (from + 9 >= last) return INCOMPLETE;
    if (bytes[from + 9] !== LF) return this.#noRequestLine();
    // RFC 9110 §2.5 would read a higher minor version as 1.1. There is none, and not all readers do.
    if (minor > ONE) return this.refuse(505, "the HTTP version is not served");
    this.minor = minor - ZERO;
    return COMPLETE;
  }

  #noRequestLine(): number {
    return this.refuse(400, "the request line is malformed");
  }

  #fields(bytes: Buffer, from: number, last: number, missing: number): number {
    this.fieldsStart = from;
    this.reset();
    const { kept } = this;
    kept.clear();
    let at = from;
    let run = from;
    let fields = 0;
    for (;;) {
      if (at >= last) return missing;
      if (bytes[at] === CR) {
        if (at + 1 >= last) return missing;
        if (bytes[at + 1] !== LF) return this.refuse(400, "a bare CR in the head");
        break;
      }
      fields += 1;
      if (fields > this.#limits.maxFields) {
        return this.refuse(431, `more than ${this.#limits.maxFields} header fields`);
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
        return this.refuse(400, "a header field's name is malformed");
      }
      const field = knownFields.find(bytes, nameStart, at, hash);
      at += 1;
      while (at < last && (bytes[at] === SP || bytes[at] === TAB)) at += 1;
      const valueStart = at;
      while (at < last && valueByte[bytes[at]!] === 1) at += 1;
      if (at >= last) return missing;
      if (bytes[at] === CR && at + 1 >= last) return missing;
      if (bytes[at] !== CR || bytes[at + 1] !== LF) {
        return this.refuse(400, "a header field's value is malformed");
      }
      if (field !== 0) {
        let valueEnd = at;
        while (
          valueEnd > valueStart &&
          (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)
        ) {
          valueEnd -= 1;
        }
        const status = this.know(field, bytes, valueStart, valueEnd);
        if (status !== COMPLETE) return status;
        if (nameStart > run) kept.add(run, nameStart);
        run = at + 2;
      }
      at += 2;
    }
    if (at > run) kept.add(run, at);
    this.end = at + 2;
    return this.whole();
  }
}
