import assert from "node:assert/strict";

import { requestText } from "../../src/exchange/request-text.ts";
import { COMPLETE, INCOMPLETE } from "../../src/http1/verdict.ts";
import { checkBodyCuts } from "./body-cuts.ts";
import { everyCut } from "./cuts.ts";
import { assertAmong, fieldsOf, valuesOf } from "./fields.ts";
import { Oracle, type OracleMessage, oracleMethods } from "./llhttp.ts";
import { readAsOne } from "./one-message.ts";
import type { Random } from "./random.ts";
import { type RequestRead, RequestReader } from "./request-reading.ts";
import { count, Tally } from "./tally.ts";

const node = { host: "10.0.0.1", port: 80, secure: false } as const;
const forward = {
  kind: "forward",
  pick: () => undefined,
  host: "pass",
  timeouts: { connectMs: 1, sendMs: 1, readMs: 1 },
  retries: 0,
  retryTimeoutMs: 0,
} as const;
const forwardedLines = "X-Forwarded-For: 9.9.9.9\r\nVia: 1.1 us\r\n";

/**
 * Reads requests with our reader and with llhttp, and compares: where ours accepts, llhttp has to accept as
 * well and mean the same, and what we forward has to be that same one message.
 */
export class RequestCheck {
  readonly tally: Tally = new Tally();
  readonly #reader = new RequestReader();
  readonly #oracle = new Oracle("request");

  /** @throws AssertionError where the two disagree, and ours is not the stricter one. */
  check(text: string, random: Random): void {
    const bytes = Buffer.from(text, "latin1");
    this.#checkHeadCuts(bytes, random);
    const ours = this.#reader.read(bytes);
    if (ours.kind === "read") {
      this.#checkRead(bytes, ours);
      if (ours.head.hasBody) {
        checkBodyCuts(() => this.#reader.framingOf(ours.head), bytes, ours, random);
      }
      this.#checkForwarded(bytes, ours);
      return;
    }
    const { tally } = this;
    const oracle = this.#oracle;
    oracle.read(oracleBytes(bytes, text));
    const complete = oracle.messages[0]?.complete === true;
    if (ours.kind === "refused") {
      if (complete || oracle.error === "") count(tally.stricter, ours.fault);
      else count(tally.agreements, "both refuse");
      return;
    }
    assert.ok(!complete, "llhttp has a whole message, we have not");
    if (oracle.error === "") count(tally.agreements, "both want more");
    else this.#checkLater(text, random);
  }

  /** What llhttp refuses already is refused by us as well, once it is whole. */
  #checkLater(text: string, random: Random): void {
    const { error } = this.#oracle;
    if (text.length < longest) {
      for (const rest of ["\r\n\r\n", "\n", " HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n0\r\n\r\n"]) {
        const ours = this.#reader.read(Buffer.from(text + rest, "latin1"));
        if (ours.kind === "read") this.check(text + rest, random);
      }
    }
    count(this.tally.later, error);
  }

  #checkRead(bytes: Buffer, ours: RequestRead): void {
    const { head, end } = ours;
    const { targetStart, targetEnd } = this.#reader.scan;
    if (framingTrailer.test(bytes.toString("latin1", ours.passEnd, end)) && head.chunked) {
      count(this.tally.later, "framing fields among the trailers: ours leaves them out");
      return;
    }
    const known = oracleBytes(bytes.subarray(0, end), bytes.toString("latin1", 0, end));
    const message = readAsOne(this.#oracle, known);
    if (oracleMethods.has(head.method)) assert.equal(message.method, head.method);
    assert.equal(message.target, bytes.toString("latin1", targetStart, targetEnd));
    assert.equal(message.minor, head.httpVersion === "1.1" ? 1 : 0);
    assert.deepEqual(message.fields, head.rawHeaders);
    assert.equal(message.body, ours.data);
    assertAmong(fieldsOf(ours.tail), message.trailers);
    assert.equal(head.chunked, valuesOf(message.fields, "transfer-encoding") !== "");
    this.#checkConnection(message, ours);
    count(this.tally.agreements, "both accept");
  }

  #checkConnection(message: OracleMessage, { head }: RequestRead): void {
    const { stricter } = this.tally;
    const told = valuesOf(message.fields, "connection").toLowerCase();
    const isProxyTold = valuesOf(message.fields, "proxy-connection") !== "";
    if (message.keepAlive !== !head.close) {
      if (head.close && head.httpVersion === "1.0" && /\bclose\b/.test(told)) {
        count(stricter, "close goes before keep-alive in HTTP/1.0");
      } else if (isProxyTold) count(stricter, "Proxy-Connection means nothing");
      else assert.fail(`keep-alive: llhttp ${message.keepAlive}`);
    }
    if (message.upgrade !== (head.upgrade !== "")) {
      if (head.httpVersion === "1.0") count(stricter, "no Upgrade in HTTP/1.0");
      // Of several, ours goes by the last.
      else if (/(?:^|,)$/.test(valuesOf(message.fields, "upgrade"))) {
        count(stricter, "an empty Upgrade");
      } else if (isProxyTold) count(stricter, "Proxy-Connection means nothing");
      else assert.fail(`upgrade: llhttp ${message.upgrade}`);
    }
  }

  #checkHeadCuts(bytes: Buffer, random: Random): void {
    const { scan } = this.#reader;
    const whole = scan.scan(bytes, 0, bytes.length);
    const { fault, end } = scan;
    everyCut(0, whole === COMPLETE ? end : bytes.length, random, (cut) => {
      const verdict = scan.scan(bytes, 0, cut);
      if (verdict === INCOMPLETE) return;
      // Nothing but a refusal can come early, and it has to be the same.
      if (verdict === COMPLETE || verdict !== whole || scan.fault !== fault) {
        assert.fail(`${verdict} ${scan.fault} when cut at ${cut}`);
      }
    });
  }

  #checkForwarded(bytes: Buffer, ours: RequestRead): void {
    const { head, headEnd, passEnd, tail, data } = ours;
    const upgrade = head.hasBody ? "" : head.upgrade;
    const text = requestText(head, forward, node, forwardedLines, upgrade);
    const sent = Buffer.from(text + bytes.toString("latin1", headEnd, passEnd) + tail, "latin1");
    const message = readAsOne(this.#oracle, oracleBytes(sent, text));
    if (oracleMethods.has(head.method)) assert.equal(message.method, head.method);
    assert.equal(message.target, head.target);
    assert.equal(message.minor, 1);
    assert.equal(message.body, data);
    assert.ok(message.keepAlive, "the connection to the node stays");
    assert.equal(message.upgrade, upgrade !== "");
    assert.deepEqual(fieldsOf(tail), message.trailers);
    const again = this.#reader.read(sent);
    assert.ok(again.kind === "read", "we do not read what we send");
    assert.equal(again.end, sent.length);
    assert.equal(again.data, data);
    assert.equal(again.head.host, head.host ?? node.host);
    assert.equal(again.head.chunked, head.chunked);
    assert.equal(Math.max(again.head.length, 0), Math.max(head.length, 0));
  }
}

/** Longer ones were made longer. */
const longest = 4_096;

/** Llhttp refuses these, in trailers too. */
const framingTrailer = /^(?:content-length|transfer-encoding):/im;

/** Llhttp knows few methods; to others it is shown GET. */
function oracleBytes(bytes: Buffer, text: string): Buffer {
  const start = text.startsWith("\r\n") ? 2 : 0;
  const space = text.indexOf(" ", start);
  const method = text.slice(start, space);
  if (oracleMethods.has(method) || !/^[\w!#$%&'*+.^`|~-]+$/.test(method)) return bytes;
  return Buffer.concat([Buffer.from(`${text.slice(0, start)}GET`), bytes.subarray(space)]);
}
