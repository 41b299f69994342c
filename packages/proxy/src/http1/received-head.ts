import type { RequestHead } from "../contract.ts";
import type { RequestScan } from "./request-scan.ts";
import type { Runs } from "./runs.ts";
import type { PathTarget } from "./request-target.ts";
import { trimmed } from "./trimmed.ts";
import { withoutFields } from "./without-fields.ts";

const hostName = "Host: ";

/** What a connection knows of its client. */
export interface Peer {
  /** Without brackets; IPv4 as such also on an IPv6 socket. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly secure: boolean;
}

/** What a trusted proxy says of a request; what it does not say, or not as it should, is `undefined`. */
export interface Testimony {
  readonly clientAddress: string;
  /** X-Forwarded-For that is continued; empty: there is none. */
  readonly forwardedFor: string;
  readonly proto: string | undefined;
  readonly host: string | undefined;
  readonly port: string | undefined;
  /** Forwarded that is continued; empty: there is none. */
  readonly forwarded: string;
}

/**
 * A request head, taken out of the read buffer: whatever happens to that, this stays.
 *
 * One string holds it all; everything else is a slice of it.
 */
export class ReceivedHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly httpVersion: "1.0" | "1.1";
  readonly #peer: Peer;
  readonly #text: string;
  readonly #fieldsStart: number;
  #testimony: Testimony | undefined;
  #rawHeaders: readonly string[] | undefined;

  /** Host's value, or the authority of an absolute-form target; `undefined` in HTTP/1.0 without either. */
  readonly host: string | undefined;
  /**
   * The request line and Host, with their ends, when they came just as we would write them, as nearly all do;
   * otherwise empty.
   */
  readonly opening: string;
  /** Field lines that travel on as they are, with their ends: without Host and the framing. */
  lines: string;
  /** Values of X-Forwarded-For and Via as received, joined. */
  readonly forwardedFor: string;
  readonly via: string;
  /** Content-Length; -1: there is none. */
  readonly length: number;
  readonly chunked: boolean;
  readonly close: boolean;
  readonly expectsContinue: boolean;
  /** Whether the client takes trailers. */
  readonly trailers: boolean;
  /** Upgrade's value; empty: none is asked for. */
  readonly upgrade: string;

  /**
   * @param text  What `scan` went over, from its start to its end.
   * @param host  Host's value.
   * @param target  Its path replaces the received one when that was in absolute form; its authority then goes
   *   before Host (RFC 9112 §3.2.2).
   */
  constructor(
    scan: RequestScan,
    text: string,
    peer: Peer,
    method: string,
    host: string | undefined,
    target: PathTarget,
  ) {
    const { start, minor } = scan;
    const fieldsStart = scan.fieldsStart - start;
    this.#text = text;
    this.#peer = peer;
    this.#fieldsStart = fieldsStart;
    this.method = method;
    this.target = target.path;
    this.httpVersion = minor === 1 ? "1.1" : "1.0";
    this.host = target.authority ?? host;
    const isPlain =
      minor === 1 &&
      target.authority === undefined &&
      scan.hostStart - start === fieldsStart + hostName.length &&
      text.startsWith(hostName, fieldsStart) &&
      text.startsWith("\r\n", scan.hostEnd - start);
    this.opening = isPlain ? text.slice(0, scan.hostEnd - start + 2) : "";
    let lines = "";
    for (let index = 0; index < scan.kept.count; index += 1) {
      lines += text.slice(scan.kept.from(index) - start, scan.kept.to(index) - start);
    }
    this.lines = scan.nominated.length === 0 ? lines : withoutFields(lines, scan.nominated);
    this.forwardedFor = joinedRuns(text, scan.forwardedFor, start);
    this.via = joinedRuns(text, scan.via, start);
    this.length = scan.length;
    this.chunked = scan.chunked;
    this.close = scan.close;
    this.expectsContinue = scan.expectsContinue;
    this.trailers = scan.trailers;
    this.upgrade =
      scan.upgradeEnd === 0 ? "" : text.slice(scan.upgradeStart - start, scan.upgradeEnd - start);
  }

  get rawHeaders(): readonly string[] {
    this.#rawHeaders ??= fieldsOf(this.#text, this.#fieldsStart);
    return this.#rawHeaders;
  }

  header(name: string): string | undefined {
    if (name === "host") return this.host;
    const { rawHeaders } = this;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      if (rawHeaders[index]!.length === name.length && rawHeaders[index]!.toLowerCase() === name) {
        return rawHeaders[index + 1];
      }
    }
    return undefined;
  }

  /** All values of a field, by lower-case name, joined; empty: there is none. */
  all(name: string): string {
    const { rawHeaders } = this;
    let values = "";
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const given = rawHeaders[index]!;
      if (given.length !== name.length || given.toLowerCase() !== name) continue;
      values += values === "" ? rawHeaders[index + 1]! : `, ${rawHeaders[index + 1]!}`;
    }
    return values;
  }

  /** Lets a field travel with another value. */
  replace(name: string, value: string): void {
    this.lines = `${withoutFields(this.lines, [name.toLowerCase()])}${name}: ${value}\r\n`;
  }

  get remoteAddress(): string {
    return this.#testimony?.clientAddress ?? this.#peer.remoteAddress;
  }

  get peerAddress(): string {
    return this.#peer.remoteAddress;
  }

  /** What the peer says of it; `undefined`: it is no proxy whose word is taken. */
  get testimony(): Testimony | undefined {
    return this.#testimony;
  }

  /** Takes the word of the peer for whose request it is. */
  believe(testimony: Testimony): void {
    this.#testimony = testimony;
  }

  get remotePort(): number {
    return this.#peer.remotePort;
  }

  get localPort(): number {
    return this.#peer.localPort;
  }

  get secure(): boolean {
    return this.#peer.secure;
  }

  /** Whether a body follows the head. */
  get hasBody(): boolean {
    return this.chunked || this.length > 0;
  }
}

function joinedRuns(text: string, runs: Runs, start: number): string {
  let all = "";
  for (let index = 0; index < runs.count; index += 1) {
    if (index > 0) all += ", ";
    all += text.slice(runs.from(index) - start, runs.to(index) - start);
  }
  return all;
}

function fieldsOf(text: string, from: number): readonly string[] {
  const fields: string[] = [];
  for (let at = from; ;) {
    const end = text.indexOf("\r\n", at);
    if (end <= at) return fields;
    const colon = text.indexOf(":", at);
    fields.push(text.slice(at, colon), trimmed(text, colon + 1, end));
    at = end + 2;
  }
}
