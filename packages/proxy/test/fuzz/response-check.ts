import assert from "node:assert/strict";

import type { ClientOutput } from "../../src/client/client-output.ts";
import { Answer } from "../../src/exchange/answer.ts";
import { responseText } from "../../src/exchange/response-text.ts";
import { BodyFraming } from "../../src/http1/body-framing.ts";
import type { ReceivedHead } from "../../src/http1/received-head.ts";
import { COMPLETE, INCOMPLETE } from "../../src/http1/verdict.ts";
import { ResponseScan } from "../../src/http1/response-scan.ts";
import { checkBodyCuts } from "./body-cuts.ts";
import { everyCut } from "./cuts.ts";
import { assertAmong, fieldsOf, valuesOf } from "./fields.ts";
import { Oracle, type OracleMessage } from "./llhttp.ts";
import { readAsOne } from "./one-message.ts";
import type { Random } from "./random.ts";
import { chunkLimits, headLimits, RequestReader } from "./request-reading.ts";
import { count, Tally } from "./tally.ts";

/** Requests that get the answers. */
const asked: readonly ReceivedHead[] = ["GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0"].map(
  (line) => {
    const more = "Host: a\r\nConnection: keep-alive\r\n\r\n";
    const read = new RequestReader().read(Buffer.from(`${line}\r\n${more}`));
    assert.ok(read.kind === "read");
    return read.head;
  },
);

/** Takes down what the client gets. */
class Client {
  text = "";

  writeText(text: string): void {
    this.text += text;
  }

  write(text: string, bytes: Buffer, from: number, to: number, tail: string): void {
    this.text += text + bytes.toString("latin1", from, to) + tail;
  }
}

/**
 * Reads a node's answers with our reader and with llhttp, and compares: where ours accepts, llhttp has to
 * accept as well and mean the same, and what the client gets has to be that same one message.
 */
export class ResponseCheck {
  readonly tally: Tally = new Tally();
  readonly #scan = new ResponseScan(headLimits);
  readonly #framing = new BodyFraming(chunkLimits);
  readonly #oracle = new Oracle("response");
  readonly #bodilessOracle = new Oracle("response", true);

  /** @throws AssertionError where the two disagree, and ours is not the stricter one. */
  check(text: string, random: Random): void {
    const bytes = Buffer.from(text, "latin1");
    const request = random.pick(asked);
    const oracle = request.method === "HEAD" ? this.#bodilessOracle : this.#oracle;
    const verdict = this.#checkHeadCuts(bytes, random);
    const scan = this.#scan;
    if (verdict === COMPLETE && scan.status >= 200) {
      this.#checkFinal(bytes, request, oracle, random);
    } else if (verdict === COMPLETE) {
      this.#checkInterim(bytes, oracle);
    } else {
      oracle.read(bytes);
      this.#checkOther(verdict === INCOMPLETE ? "incomplete" : scan.fault, oracle);
    }
  }

  /** Ours does not accept. */
  #checkOther(ours: string, oracle: Oracle): void {
    const { agreements, stricter, later } = this.tally;
    const [first] = oracle.messages;
    if (ours === "incomplete") {
      assert.notEqual(first?.complete, true, "llhttp has a whole message, we have not");
      if (oracle.error === "") count(agreements, "both want more");
      else count(later, oracle.error);
    } else if (oracle.error === "" || first?.complete === true) count(stricter, ours);
    else count(agreements, "both refuse");
  }

  #checkInterim(bytes: Buffer, oracle: Oracle): void {
    const scan = this.#scan;
    const { status, end } = scan;
    // A body after an interim head is one to nobody.
    oracle.read(bytes.subarray(0, end));
    assert.equal(oracle.error, "", "llhttp refuses");
    assert.equal(oracle.messages[0]!.status, status);
    const sent = Buffer.from(responseText(scan, bytes, "none", false, ""), "latin1");
    const original = oracle.messages[0]!.fields;
    oracle.read(sent);
    assert.equal(oracle.messages[0]!.status, status);
    assertAmong(oracle.messages[0]!.fields, original);
    count(this.tally.agreements, "both accept");
  }

  #checkFinal(bytes: Buffer, request: ReceivedHead, oracle: Oracle, random: Random): void {
    const scan = this.#scan;
    const framing = this.#framing;
    const { status, minor, end: headEnd, close } = scan;
    const answer = new Answer(scan, bytes, framing, request, true);
    const client = new Client();
    const whole = (): void => {
      answer.send(client as unknown as ClientOutput, bytes, headEnd, bytes.length, framing);
    };
    whole();
    const { isUntilClose, done, bad, next, passEnd, tail } = framing;
    if (bad || !(done || isUntilClose)) {
      oracle.read(bytes);
      this.#checkOther(bad ? "the chunked body" : "incomplete", oracle);
      return;
    }
    const end = isUntilClose ? bytes.length : next;
    const message = this.#checkRead(bytes, end, oracle, isUntilClose);
    if (message === undefined) return;
    assert.equal(message.status, status);
    assert.equal(message.minor, minor);
    // Node asks llhttp whether the connection stays before it tells it that there is no body.
    if (request.method !== "HEAD") this.#checkConnection(message, !close && !isUntilClose);
    this.#checkForwarded(client.text, answer, request, oracle, message);
    if (!isUntilClose && end > headEnd) {
      const again = (): BodyFraming => {
        scan.scan(bytes, 0, bytes.length);
        void new Answer(scan, bytes, framing, request, true);
        return framing;
      };
      checkBodyCuts(again, bytes, { headEnd, end, passEnd, tail }, random);
    }
    count(this.tally.agreements, "both accept");
  }

  #checkRead(
    bytes: Buffer,
    end: number,
    oracle: Oracle,
    isUntilClose: boolean,
  ): OracleMessage | undefined {
    if (framingTrailer.test(bytes.toString("latin1", this.#framing.passEnd, end))) {
      count(this.tally.later, "framing fields among the trailers: ours leaves them out");
      return undefined;
    }
    return readAsOne(oracle, bytes.subarray(0, end), isUntilClose);
  }

  #checkConnection(message: OracleMessage, stays: boolean): void {
    if (message.keepAlive === stays) return;
    const { stricter } = this.tally;
    const told = valuesOf(message.fields, "connection").toLowerCase();
    if (!stays && message.minor === 0 && /\bclose\b/.test(told)) {
      count(stricter, "close goes before keep-alive in HTTP/1.0");
    } else if (valuesOf(message.fields, "proxy-connection") !== "") {
      count(stricter, "Proxy-Connection means nothing");
    } else assert.fail(`keep-alive: llhttp ${message.keepAlive}`);
  }

  /** What the client gets is one message with the same meaning. */
  #checkForwarded(
    text: string,
    answer: Answer,
    request: ReceivedHead,
    oracle: Oracle,
    original: OracleMessage,
  ): void {
    const untilClose = !answer.keepAlive;
    const sent = Buffer.from(text, "latin1");
    const { body, status } = { ...original };
    const hasEnd = /^(?:content-length|transfer-encoding):/im.test(text.split("\r\n\r\n", 1)[0]!);
    const isBodiless = status === 204 || status === 304 || request.method === "HEAD";
    const message = readAsOne(oracle, sent, untilClose && !hasEnd && !isBodiless);
    assert.equal(message.status, status);
    assert.equal(message.minor, 1);
    assert.equal(message.body, body);
    assertAmong(message.trailers, original.trailers);
    const told = valuesOf(message.fields, "connection").toLowerCase();
    const expected = request.httpVersion === "1.0" ? "keep-alive" : "";
    assert.equal(told, answer.keepAlive ? expected : "close");
    const scan = this.#scan;
    assert.equal(scan.scan(sent, 0, sent.length), COMPLETE, "we do not read what we send");
    assert.equal(scan.status, status);
    const fields = fieldsOf(text.slice(text.indexOf("\r\n"), scan.end)).filter(notFraming);
    if (original.fields.some(isDateName)) {
      assertAmong(fields, original.fields);
    } else {
      // What has no Date gets one.
      assert.equal(fields.filter(isDateName).length, 1);
      const at = fields.findIndex(isDateName);
      assertAmong(fields.toSpliced(at, 2), original.fields);
    }
  }

  #checkHeadCuts(bytes: Buffer, random: Random): number {
    const scan = this.#scan;
    const whole = scan.scan(bytes, 0, bytes.length);
    everyCut(0, whole === COMPLETE ? scan.end : bytes.length, random, (cut) => {
      const verdict = scan.scan(bytes, 0, cut);
      if (verdict === INCOMPLETE) return;
      // Nothing but a refusal can come early.
      if (verdict === COMPLETE || verdict !== whole) assert.fail(`${verdict} when cut at ${cut}`);
    });
    return scan.scan(bytes, 0, bytes.length);
  }
}

/** Llhttp refuses these, in trailers too. */
const framingTrailer = /^(?:content-length|transfer-encoding):/im;

/** Fields that are written anew. */
const written = /^(?:connection|content-length|transfer-encoding|trailer)$/i;

function isDateName(text: string, at: number): boolean {
  return at % 2 === 0 && /^date$/i.test(text);
}

function notFraming(_value: string, at: number, fields: readonly string[]): boolean {
  return !written.test(fields[at - (at % 2)]!);
}
