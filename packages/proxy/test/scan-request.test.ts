import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { RequestHead } from "../src/index.ts";
import { requestText } from "../src/exchange/request-text.ts";
import { receiveHead } from "../src/http1/receive-head.ts";
import { ReceivedHead } from "../src/http1/received-head.ts";
import { type HeadLimits, RequestScan } from "../src/http1/request-scan.ts";
import { COMPLETE, INCOMPLETE } from "../src/http1/verdict.ts";
import { forwardTo } from "./wire.ts";

const limits = { maxBytes: 32_768, maxFields: 128 } as const;
const peer = { remoteAddress: "9.9.9.9", remotePort: 9, localPort: 80, secure: false } as const;

/** The head in `text`, or why there is none. */
function read(text: string, more: Partial<HeadLimits> = {}): ReceivedHead | number {
  const scan = new RequestScan({ ...limits, ...more });
  const bytes = Buffer.from(text, "latin1");
  const verdict = scan.scan(bytes, 0, bytes.length);
  if (verdict !== COMPLETE) return verdict;
  const head = receiveHead(scan, bytes, peer);
  return head instanceof ReceivedHead ? head : head.status;
}

function accepted(text: string): ReceivedHead {
  const head = read(text);
  if (typeof head === "number") assert.fail(`refused with ${head}`);
  return head;
}

const line = (text: string): string => `${text}\r\nHost: a\r\n\r\n`;
const fields = (...lines: readonly string[]): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n`;
const old = (...lines: readonly string[]): string =>
  `POST / HTTP/1.0\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n`;

describe("refused request lines", () => {
  test.each([
    ["no method", " / HTTP/1.1", 400],
    ["a method that is no token", "G(T / HTTP/1.1", 400],
    ["a method with a NUL", "G\0T / HTTP/1.1", 400],
    ["a tab after the method", "GET\t/ HTTP/1.1", 400],
    ["two spaces after the method", "GET  / HTTP/1.1", 400],
    ["two empty lines before it", "\r\n\r\nGET / HTTP/1.1", 400],
    ["a bare LF before it", "\nGET / HTTP/1.1", 400],
    ["a bare CR before it", "\rGET / HTTP/1.1", 400],
    ["a space before it", " GET / HTTP/1.1", 400],
    ["no target", "GET HTTP/1.1", 400],
    ["a target with a space", "GET /a b HTTP/1.1", 400],
    ["a target with a tab", "GET /a\tb HTTP/1.1", 400],
    ["a target with a NUL", "GET /a\0 HTTP/1.1", 400],
    ["a target with DEL", "GET /a\x7f HTTP/1.1", 400],
    ["a target with a vertical tab", "GET /a\x0bb HTTP/1.1", 400],
    ["a target with a bare CR", "GET /a\rb HTTP/1.1", 400],
    ["a target with a bare LF", "GET /a\nb HTTP/1.1", 400],
    ["a target above ASCII", "GET /\xe4 HTTP/1.1", 400],
    ["a fragment", "GET /a#b HTTP/1.1", 400],
    ["a relative target", "GET a HTTP/1.1", 400],
    ["a star for GET", "GET * HTTP/1.1", 400],
    ["a star with more", "OPTIONS *a HTTP/1.1", 400],
    ["authority-form", "GET a:80 HTTP/1.1", 400],
    ["another scheme", "GET ftp://a/ HTTP/1.1", 400],
    ["no authority", "GET http:/a HTTP/1.1", 400],
    ["an empty authority", "GET http:///a HTTP/1.1", 400],
    ["userinfo", "GET http://u:p@a/ HTTP/1.1", 400],
    ["an authority with a bad port", "GET http://a:x/ HTTP/1.1", 400],
    ["an authority that is cut", "GET http://[::1/ HTTP/1.1", 400],
    ["a URL that needs TLS", "GET https://a/ HTTP/1.1", 400],
    ["CONNECT", "CONNECT a:443 HTTP/1.1", 501],
    ["HTTP/0.9", "GET /", 400],
    ["no version", "GET / ", 400],
    ["two spaces before the version", "GET /  HTTP/1.1", 400],
    ["a space after the version", "GET / HTTP/1.1 ", 400],
    ["a version in lower case", "GET / http/1.1", 400],
    ["another protocol", "GET / RTSP/1.0", 400],
    ["two digits", "GET / HTTP/1.10", 400],
    ["two digits before the dot", "GET / HTTP/11.1", 400],
    ["no dot", "GET / HTTP/1,1", 400],
    ["a version that is no number", "GET / HTTP/x.1", 400],
    ["a minor version that is no number", "GET / HTTP/1.x", 400],
    ["HTTP/0.9 by name", "GET / HTTP/0.9", 505],
    ["HTTP/1.2", "GET / HTTP/1.2", 505],
    ["HTTP/2", "GET / HTTP/2.0", 505],
    ["HTTP/3", "GET / HTTP/3", 505],
    ["the preface of HTTP/2", "PRI * HTTP/2.0", 505],
  ])("%s", (_name, text, status) => {
    assert.equal(read(line(text)), status);
  });
});

describe("refused fields", () => {
  test.each([
    ["no colon", "X", 400],
    ["no name", ": y", 400],
    ["a space before the colon", "X : y", 400],
    ["a tab before the colon", "X\t: y", 400],
    ["a space before the name", " X: y", 400],
    ["a name that is no token", "X@: y", 400],
    ["a name with a NUL", "X\0: y", 400],
    ["a name above ASCII", "\xdc: y", 400],
    ["folding", "X: y\r\n z", 400],
    ["folding with a tab", "X: y\r\n\tz", 400],
    ["a bare LF", "X: y\nZ: z", 400],
    ["a bare CR", "X: y\rZ: z", 400],
    ["two CRs", "X: y\r", 400],
    ["a NUL", "X: y\0", 400],
    ["DEL", "X: y\x7f", 400],
    ["a vertical tab", "X: \x0by", 400],
    ["a form feed", "X: y\x0c", 400],
    ["a backspace", "X: y\b", 400],
    ["another Host", "Host: a", 400],
    ["another Host, in another case", "hOST: b", 400],
    ["no length", "Content-Length:", 400],
    ["a signed length", "Content-Length: +4", 400],
    ["a negative length", "Content-Length: -4", 400],
    ["a length in hexadecimal", "Content-Length: 0x4", 400],
    ["a length with a fraction", "Content-Length: 4.0", 400],
    ["a length with a space inside", "Content-Length: 4 4", 400],
    ["a list of lengths", "Content-Length: 4, 4", 400],
    ["a length that no number holds", "Content-Length: 9007199254740993", 400],
    ["a length of 64 bits and more", "Content-Length: 18446744073709551620", 400],
    ["a coding that is no final chunked", "Transfer-Encoding: gzip", 400],
    ["an empty coding", "Transfer-Encoding:", 400],
    ["identity", "Transfer-Encoding: identity", 400],
    ["chunked that is not final", "Transfer-Encoding: chunked, gzip", 400],
    ["chunked twice", "Transfer-Encoding: chunked, chunked", 400],
    ["chunked and nothing", "Transfer-Encoding: chunked,", 400],
    ["nothing and chunked", "Transfer-Encoding: , chunked", 400],
    ["chunked with a parameter", "Transfer-Encoding: chunked;q=1", 400],
    ["chunked in quotes", 'Transfer-Encoding: "chunked"', 400],
    ["nearly chunked", "Transfer-Encoding: xchunked", 400],
    ["more than chunked", "Transfer-Encoding: chunkedx", 400],
    ["chunked and a tab", "Transfer-Encoding: chunked\t", 400],
    ["chunked and a space", "Transfer-Encoding: chunked ", 400],
    ["chunked and a space of Latin-1", "Transfer-Encoding: chunked\xa0", 400],
    ["another coding first", "Transfer-Encoding: gzip, chunked", 501],
    ["other codings first", "Transfer-Encoding: gzip,deflate ,\tchunked", 501],
  ])("%s", (_name, text, status) => {
    assert.equal(read(fields(text)), status);
  });

  test.each([
    ["length and chunked", ["Content-Length: 4", "Transfer-Encoding: chunked"]],
    ["chunked and length", ["Transfer-Encoding: chunked", "Content-Length: 4"]],
    ["the same length twice", ["Content-Length: 4", "Content-Length: 4"]],
    ["two lengths", ["Content-Length: 4", "content-length: 5"]],
    ["chunked twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]],
    ["chunked and another", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"]],
    ["another and chunked", ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"]],
  ])("%s", (_name, lines) => {
    assert.equal(read(fields(...lines)), 400);
  });

  test.each([
    ["no Host", "GET / HTTP/1.1\r\n\r\n"],
    ["a coding in HTTP/1.0", old("Transfer-Encoding: chunked")],
    ["a bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"],
    ["a bare CR at the end", "GET / HTTP/1.1\r\nHost: a\r\n\rx"],
    ["bare LFs", "GET / HTTP/1.1\nHost: a\n\n"],
    ["a bad Host beside an authority", "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ])("%s", (_name, text) => {
    assert.equal(read(text), 400);
  });

  test.each([
    "a b",
    "a@b",
    "a/b",
    "a?b",
    "[::1",
    "::1",
    "a:b",
    "a:80:80",
    "a:800000",
    "a:65536",
    "a\\b",
    "a%",
    "a%4",
    "a%zz",
    "[x]",
    "[:::::]",
    "[1.2.3.4]",
    "[::1%25lo]",
  ])("Host: %s", (host) => {
    assert.equal(read(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`), 400);
  });
});

describe("accepted", () => {
  test("a head is what it says", () => {
    const head: RequestHead = accepted(
      "\r\nPURGE /a%2Fb?x=%20 HTTP/1.1\r\nhost:\ta:80 \r\nX-Raw:\xe9\xff\r\nEmpty:\r\nX-Raw: 2\t \r\n\r\nmore",
    );
    assert.equal(head.method, "PURGE");
    assert.equal(head.target, "/a%2Fb?x=%20");
    assert.equal(head.httpVersion, "1.1");
    assert.deepEqual(
      head.rawHeaders,
      [
        ["host", "a:80"],
        ["X-Raw", "\xe9\xff"],
        ["Empty", ""],
        ["X-Raw", "2"],
      ].flat(),
    );
    assert.equal(head.header("host"), "a:80");
    assert.equal(head.header("x-raw"), "\xe9\xff");
    assert.equal(head.header("empty"), "");
    assert.equal(head.header("x"), undefined);
  });

  test.each([
    ["origin-form", "GET //a/../b?c=/d", "//a/../b?c=/d", "a"],
    ["characters that should be escaped", 'GET /"<>\\^`{|}', '/"<>\\^`{|}', "a"],
    ["absolute-form", "GET http://b:81/c?d", "/c?d", "b:81"],
    ["absolute-form in capitals", "GET HTTP://B/c", "/c", "B"],
    ["absolute-form without a path", "GET http://[::1]:81", "/", "[::1]:81"],
    ["absolute-form with a query only", "GET http://b?c", "/?c", "b"],
    ["OPTIONS about the server", "OPTIONS *", "*", "a"],
    ["OPTIONS about the server in absolute-form", "OPTIONS http://b", "*", "b"],
    ["OPTIONS about a path in absolute-form", "OPTIONS http://b/", "/", "b"],
  ])("%s", (_name, start, target, host) => {
    const head = accepted(line(`${start} HTTP/1.1`));
    assert.equal(head.target, target);
    assert.equal(head.host, host);
  });

  test.each([
    "",
    "a",
    "a.b:80",
    "a:",
    "a:65535",
    "127.0.0.1:8080",
    "[::1]",
    "[::ffff:1.2.3.4]:80",
    "a_b-c~%41",
  ])("Host: %s", (host) => {
    assert.equal(accepted(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).host, host);
  });

  test("HTTP/1.0 needs no Host", () => {
    const head = accepted(old());
    assert.equal(head.httpVersion, "1.0");
    assert.equal(head.host, undefined);
  });

  test.each([
    ["Content-Length: 0", 0, false],
    ["Content-Length: 12", 12, false],
    ["content-length:\t007 ", 7, false],
    ["Content-Length: 999999999999999", 999_999_999_999_999, false],
    ["Transfer-Encoding: chunked", -1, true],
    ["transfer-encoding:CHUNKED", -1, true],
    ["Transfer_Encoding: chunked", -1, false],
    ["Content_Length: 5", -1, false],
    ["X: 1", -1, false],
  ])("body: %s", (text, length, chunked) => {
    const head = accepted(fields(text));
    assert.equal(head.length, length);
    assert.equal(head.chunked, chunked);
    assert.equal(head.hasBody, chunked || length > 0);
  });

  test.each<[text: string, closes: boolean]>([
    [fields(), false],
    [fields("Connection: close"), true],
    [fields("Connection: Close"), true],
    [fields("Connection: x ,\tclose\t"), true],
    [fields("Connection: x", "Connection: close"), true],
    [fields("Connection: close, keep-alive"), true],
    [fields("Connection: closed"), false],
    [fields("Connection: x,\xa0close"), false],
    [fields("Proxy-Connection: close"), false],
    [old(), true],
    [old("Connection: keep-alive"), false],
    [old("Connection: Keep-Alive, x"), false],
    [old("Connection: keep-alive, close"), true],
    [old("Connection: close, keep-alive"), true],
    [old("Proxy-Connection: keep-alive"), true],
  ])("keep-alive: %j", (text, closes) => {
    assert.equal(accepted(text).close, closes);
  });

  test.each<[text: string, expects: boolean]>([
    [fields("Expect: 100-continue"), true],
    [fields("Expect:\t100-Continue "), true],
    [fields("Expect: 100-continue", "Expect: x"), true],
    [fields("Expect: x", "Expect: 100-continue"), true],
    [fields("Expect: 100-continue, x"), false],
    [old("Expect: 100-continue"), false],
  ])("expectation: %j", (text, expects) => {
    const head = accepted(text);
    assert.equal(head.expectsContinue, expects);
    assert.equal(head.lines, "");
  });

  test.each<[text: string, upgrade: string]>([
    [fields("Connection: upgrade", "Upgrade: websocket"), "websocket"],
    [fields("Upgrade: h2c", "Connection: X, Upgrade"), "h2c"],
    [fields("Upgrade: websocket"), ""],
    [fields("Connection: upgrade"), ""],
    [old("Connection: upgrade", "Upgrade: websocket"), ""],
  ])("upgrade: %j", (text, upgrade) => {
    const head = accepted(text);
    assert.equal(head.upgrade, upgrade);
    assert.equal(head.lines, "");
  });

  test.each<[value: string, takes: boolean]>([
    ["trailers", true],
    ["gzip, Trailers", true],
    ["trailers ,gzip", true],
    ["trailers;q=0", false],
    ["xtrailers", false],
    ["gzip", false],
  ])("TE: %s", (value, takes) => {
    assert.equal(accepted(fields(`TE: ${value}`)).trailers, takes);
  });
});

describe("fields of one hop stay here", () => {
  test.each([
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authenticate: Basic",
    "Proxy-Authorization: Basic eA==",
    "TE: trailers",
    "Trailer: X",
    "Upgrade: h2c",
    "Connection: X-Other",
    "Forwarded: for=6.6.6.6",
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Proto: https",
    "X-Real-IP: 6.6.6.6",
    "X_Forwarded_For: 6.6.6.6",
    "Content_Length: 5",
    "Transfer_Encoding: chunked",
  ])("%s", (text) => {
    assert.equal(accepted(fields(text)).lines, "");
  });

  test("what Connection names stays here as well, but for what the message depends on", () => {
    const essential = ["Cache-Control: no-store", "Authorization: Basic eA==", "Cookie: a=b"];
    const names = essential.map((one) => one.slice(0, one.indexOf(":"))).join(", ");
    const head = accepted(
      fields(
        `Connection: Host, X-Private, Content-Length, ${names}`,
        "x-private: 1",
        "Content-Length: 4",
        ...essential,
        "X-Kept: 1",
      ),
    );
    assert.equal(head.host, "a");
    assert.equal(head.length, 4);
    assert.equal(head.lines, [...essential, "X-Kept: 1", ""].join("\r\n"));
  });

  test.each<[text: string, written: string]>([
    [fields(), "Content-Length: 0"],
    [fields("Content-Length:\t007 "), "Content-Length: 7"],
    [fields("Connection: Content-Length", "Content-Length: 7"), "Content-Length: 7"],
    [fields("transfer-encoding:\tCHUNKED"), "Transfer-Encoding: chunked"],
    [
      fields("Connection: Transfer-Encoding", "Transfer-Encoding: chunked"),
      "Transfer-Encoding: chunked",
    ],
    [
      fields("Expect:\t100-Continue ", "Content-Length: 2"),
      "Expect: 100-continue\r\nContent-Length: 2",
    ],
    [line("GET / HTTP/1.1"), ""],
    [line("GET / HTTP/1.1\r\nContent-Length: 0"), "Content-Length: 0"],
  ])("the framing is written anew: %j", (text, written) => {
    const head = accepted(text);
    const node = { host: "10.0.0.1", port: 80, secure: false };
    const sent = requestText(head, forwardTo([node]), node, "", "");
    const start = `${head.method} / HTTP/1.1\r\nHost: a\r\n`;
    assert.equal(sent, written === "" ? `${start}\r\n` : `${start}${written}\r\n\r\n`);
  });

  test("as many names as a head holds are as cheap as one", () => {
    const names = "a,".repeat(16_000);
    const bytes = Buffer.from(fields(`Connection: ${names}close`));
    const scan = new RequestScan(limits);
    for (let times = 0; times < 200; times += 1) {
      assert.equal(scan.scan(bytes, 0, bytes.length), COMPLETE);
    }
    assert.equal(scan.close, true);
    assert.equal(scan.nominated.length, 16_000);
  });

  test("as many spaces as a head holds are as cheap as one", () => {
    const spaces = " \t".repeat(8_000);
    for (let times = 0; times < 100; times += 1) {
      const head = accepted(
        fields(`X: a${spaces}b${spaces}`, `Connection: x,${spaces.slice(0, 100)}close`),
      );
      assert.equal(head.header("x"), `a${spaces}b`);
      assert.ok(accepted(fields(`Connection: x,y${spaces}z,close`)).close);
      assert.ok(!accepted(fields(`TE: trailers${spaces}x`)).trailers);
      assert.equal(read(fields(`Transfer-Encoding: a${spaces}b,${spaces}chunked`)), 400);
    }
  });

  test("X-Forwarded-For and Via are told in order", () => {
    const head = accepted(
      fields(
        "X-Forwarded-For: 1.1.1.1",
        "Via: 1.0 a",
        "x-forwarded-for:",
        "X-Forwarded-For: 2.2.2.2",
      ),
    );
    assert.equal(head.forwardedFor, "1.1.1.1, 2.2.2.2");
    assert.equal(head.via, "1.0 a");
  });
});

describe("bounds of a head", () => {
  const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(40)}\r\n\r\n`;

  test("it may have so many bytes and no more, however it comes", () => {
    assert.ok(typeof read(head, { maxBytes: head.length }) !== "number");
    assert.equal(read(head, { maxBytes: head.length - 1 }), 431);
    assert.equal(read(head.slice(0, -1), { maxBytes: head.length }), INCOMPLETE);
    assert.equal(read(head.slice(0, -1), { maxBytes: head.length - 1 }), 431);
  });

  test("an empty line before it does not count", () => {
    assert.ok(typeof read(`\r\n${head}`, { maxBytes: head.length }) !== "number");
  });

  test.each([
    ["in the method", "x".repeat(100), 431],
    ["in the target", `GET /${"x".repeat(100)}`, 414],
    ["in the version", `GET /${"x".repeat(57)} HTTP/1.1\r\n`, 431],
    ["in a name", `GET / HTTP/1.1\r\n${"x".repeat(100)}`, 431],
    ["in a value", `GET / HTTP/1.1\r\nX: ${"x".repeat(100)}`, 431],
    ["between fields", `GET / HTTP/1.1\r\nX: ${"x".repeat(43)}\r\n\r`, 431],
  ])("%s", (_name, text, status) => {
    assert.equal(read(text, { maxBytes: 64 }), status);
  });

  test("it may have so many fields and no more", () => {
    const many = (count: number): string =>
      fields(
        ..."x"
          .repeat(count - 1)
          .split("")
          .map((x) => `${x}: 1`),
      );
    assert.ok(typeof read(many(128)) !== "number");
    assert.equal(read(many(129)), 431);
  });
});
