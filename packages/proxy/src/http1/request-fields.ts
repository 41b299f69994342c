import { CR } from "./char-class.ts";
import { ConnectionOptions } from "./connection-options.ts";
import { KnownFields } from "./known-fields.ts";
import { parseLength } from "./length.ts";
import { Runs } from "./runs.ts";
import { COMPLETE } from "./verdict.ts";

/** Fields that mean something here. */
export const knownFields: KnownFields = new KnownFields([
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

/** What the fields of one request head say that means something here: to whom it goes, and how it is framed. */
export class RequestFields {
  readonly #connection = new ConnectionOptions();
  /** Why the head was refused, when it was. */
  fault = "";

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
  /** Values of X-Forwarded-For and of Via, in order. */
  readonly forwardedFor: Runs = new Runs();
  readonly via: Runs = new Runs();

  /** Whether the connection ends with the answer. */
  get close(): boolean {
    return !this.#connection.stays(this.minor);
  }

  /** Names in Connection, in lower case: those fields belong to this hop as well. */
  get nominated(): readonly string[] {
    return this.#connection.nominated;
  }

  /** Forgets what the last head said. */
  protected reset(): void {
    this.hostStart = 0;
    this.hostEnd = 0;
    this.length = -1;
    this.chunked = false;
    this.expectsContinue = false;
    this.trailers = false;
    this.upgradeStart = 0;
    this.upgradeEnd = 0;
    this.#connection.clear();
    this.forwardedFor.clear();
    this.via.clear();
  }

  /** Takes in one field that means something to us. */
  protected know(field: number, bytes: Buffer, from: number, to: number): number {
    switch (field) {
      case HOST:
        if (this.hostEnd !== 0) return this.refuse(400, "more than one Host field");
        this.hostStart = from;
        this.hostEnd = to;
        return COMPLETE;
      case LENGTH: {
        if (this.length !== -1) return this.refuse(400, "more than one Content-Length");
        const length = parseLength(bytes, from, to);
        if (length === -1) return this.refuse(400, "Content-Length is malformed");
        this.length = length;
        return COMPLETE;
      }
      case CODING:
        // A space at the end of the line is part of the value to some readers.
        return bytes[to] === CR
          ? this.#coding(bytes.toString("latin1", from, to).toLowerCase())
          : this.refuse(400, "Transfer-Encoding is not one final chunked");
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
    if (this.chunked) return this.refuse(400, "more than one Transfer-Encoding field");
    if (coding === "chunked") {
      this.chunked = true;
      return COMPLETE;
    }
    // RFC 9112 §6.3: without a final chunked the end of the body is anybody's guess.
    return furtherCodings.test(coding)
      ? this.refuse(501, "a transfer coding other than chunked")
      : this.refuse(400, "Transfer-Encoding is not one final chunked");
  }

  /** Judges what they say together. */
  protected whole(): number {
    if (!this.#connection.upgrade || this.minor === 0) this.upgradeEnd = 0;
    if (this.chunked) {
      if (this.length !== -1) {
        return this.refuse(400, "both Content-Length and Transfer-Encoding");
      }
      if (this.minor === 0) return this.refuse(400, "Transfer-Encoding in HTTP/1.0");
    }
    if (this.hostEnd === 0 && this.minor === 1) {
      return this.refuse(400, "the Host field is missing");
    }
    return COMPLETE;
  }

  protected refuse(status: number, fault: string): number {
    this.fault = fault;
    return status;
  }
}
