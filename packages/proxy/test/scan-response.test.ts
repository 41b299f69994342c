import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { responseText } from "../src/exchange/response-text.ts";
import type { HeadLimits } from "../src/http1/request-scan.ts";
import { COMPLETE, INCOMPLETE } from "../src/http1/verdict.ts";
import { MALFORMED, ResponseScan } from "../src/http1/response-scan.ts";

const limits: HeadLimits = { maxBytes: 32_768, maxFields: 128 };

function scanned(text: string, more: Partial<HeadLimits> = {}): [ResponseScan, number, Buffer] {
  const scan = new ResponseScan({ ...limits, ...more });
  const bytes = Buffer.from(text, "latin1");
  return [scan, scan.scan(bytes, 0, bytes.length), bytes];
}

function accepted(text: string): ResponseScan {
  const [scan, verdict] = scanned(text);
  assert.equal(verdict, COMPLETE, scan.fault);
  return scan;
}

const status = (line: string): string => `${line}\r\nContent-Length: 0\r\n\r\n`;
const fields = (...lines: readonly string[]): string =>
  `HTTP/1.1 200 OK\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n`;

describe("malformed status lines", () => {
  test.each([
    ["an empty line before it", "\r\nHTTP/1.1 200 OK"],
    ["HTTP/2", "HTTP/2.0 200 OK"],
    ["HTTP/1.2", "HTTP/1.2 200 OK"],
    ["HTTP/0.9", "HTTP/0.9 200 OK"],
    ["lower case", "http/1.1 200 OK"],
    ["another protocol", "ICY 200 OK"],
    ["no version", "200 OK"],
    ["two spaces", "HTTP/1.1  200 OK"],
    ["a tab", "HTTP/1.1\t200 OK"],
    ["no status", "HTTP/1.1 OK"],
    ["two digits", "HTTP/1.1 20 OK"],
    ["four digits", "HTTP/1.1 2000 OK"],
    ["a signed status", "HTTP/1.1 +20 OK"],
    ["a status below 100", "HTTP/1.1 099 OK"],
    ["zero", "HTTP/1.1 000 OK"],
    ["no space after the status", "HTTP/1.1 200OK"],
    ["a NUL in the reason", "HTTP/1.1 200 O\0K"],
    ["a bare CR in the reason", "HTTP/1.1 200 O\rK"],
    ["a bare LF", "HTTP/1.1 200 OK\nX: y"],
  ])("%s", (_name, line) => {
    const [scan, verdict] = scanned(status(line));
    assert.equal(verdict, MALFORMED);
    assert.notEqual(scan.fault, "");
  });
});

describe("malformed fields", () => {
  test.each([
    ["no colon", ["X"]],
    ["no name", [": y"]],
    ["a space before the colon", ["X : y"]],
    ["a space before the name", [" X: y"]],
    ["folding", ["X: y", " z"]],
    ["a bare LF", ["X: y\nZ: z"]],
    ["a bare CR", ["X: y\rZ: z"]],
    ["a NUL", ["X: y\0"]],
    ["a list of lengths", ["Content-Length: 4, 4"]],
    ["a signed length", ["Content-Length: +4"]],
    ["no length", ["Content-Length:"]],
    ["a length that no number holds", ["Content-Length: 9007199254740993"]],
    ["the same length twice", ["Content-Length: 4", "Content-Length: 4"]],
    ["two lengths", ["Content-Length: 4", "Content-Length: 5"]],
    ["length and chunked", ["Content-Length: 4", "Transfer-Encoding: chunked"]],
    ["chunked and length", ["Transfer-Encoding: chunked", "Content-Length: 4"]],
    ["another coding", ["Transfer-Encoding: gzip"]],
    ["another coding first", ["Transfer-Encoding: gzip, chunked"]],
    ["chunked twice", ["Transfer-Encoding: chunked, chunked"]],
    ["chunked on two lines", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]],
    ["an empty coding", ["Transfer-Encoding:"]],
    ["identity", ["Transfer-Encoding: identity"]],
    ["chunked and a tab", ["Transfer-Encoding: chunked\t"]],
  ])("%s", (_name, lines) => {
    assert.equal(scanned(fields(...lines))[1], MALFORMED);
  });

  test.each([
    ["a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["a bare LF at the end", "HTTP/1.1 200 OK\r\nX: y\r\n\n"],
    ["a bare CR at the end", "HTTP/1.1 200 OK\r\nX: y\r\n\rx"],
  ])("%s", (_name, text) => {
    assert.equal(scanned(text)[1], MALFORMED);
  });
});

describe("accepted", () => {
  test.each<[line: string, status: number, minor: number]>([
    ["HTTP/1.1 200 OK", 200, 1],
    ["HTTP/1.0 404 Not Found", 404, 0],
    ["HTTP/1.1 200 ", 200, 1],
    ["HTTP/1.1 200", 200, 1],
    ["HTTP/1.1 599 \xe9\xff \t!", 599, 1],
    ["HTTP/1.1 100 Continue", 100, 1],
    ["HTTP/1.1 999 Odd", 999, 1],
  ])("%s", (line, expected, minor) => {
    const scan = accepted(status(line));
    assert.equal(scan.status, expected);
    assert.equal(scan.minor, minor);
    assert.equal(scan.length, 0);
  });

  test.each<[text: string, closes: boolean]>([
    [fields(), false],
    [fields("Connection: close"), true],
    [fields("Connection: X, Close"), true],
    [fields("Connection: keep-alive, close"), true],
    ["HTTP/1.0 200 OK\r\n\r\n", true],
    ["HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", false],
    ["HTTP/1.0 200 OK\r\nConnection: close, keep-alive\r\n\r\n", true],
  ])("keep-alive: %j", (text, closes) => {
    assert.equal(accepted(text).close, closes);
  });

  test.each<[value: string, seconds: number]>([
    ["timeout=5", 5],
    ["max=3, Timeout=60", 60],
    ["timeout=0", 0],
    ["xtimeout=5", -1],
    ["timeout=-1", -1],
    ["max=3", -1],
  ])("Keep-Alive: %s", (value, seconds) => {
    assert.equal(accepted(fields(`Keep-Alive: ${value}`)).keepAliveS, seconds);
  });
});

describe("what the client gets", () => {
  const lines = [
    "Server: x",
    "Connection: X-Private, Set-Cookie, keep-alive",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authenticate: Basic",
    "Trailer: X-Sum",
    "Upgrade: h2c",
    "TE: trailers",
    "Content_Length: 9",
    "Content-Length: 3",
    "x-private: 1",
    "Set-Cookie: a=b",
    "Set-Cookie: c=\xe9",
  ];

  test("is without the fields of the node's hop, and framed anew", () => {
    const [scan, verdict, bytes] = scanned(fields(...lines));
    assert.equal(verdict, COMPLETE);
    const kept = "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a=b\r\nSet-Cookie: c=\xe9\r\n";
    assert.equal(
      responseText(scan, bytes, "length", true, "Connection: close\r\n"),
      `${kept}Content-Length: 3\r\nConnection: close\r\n\r\n`,
    );
    assert.equal(responseText(scan, bytes, "none", false, ""), `${kept}\r\n`);
    assert.equal(
      responseText(scan, bytes, "chunked", true, ""),
      `${kept}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n`,
    );
  });

  test("has a space after the status, whether the node sent one or not", () => {
    const [scan, , bytes] = scanned("HTTP/1.0 204\r\n\r\n");
    assert.equal(responseText(scan, bytes, "none", false, ""), "HTTP/1.1 204 \r\n\r\n");
  });
});

describe("bounds of a head", () => {
  const head = `HTTP/1.1 200 OK\r\nX: ${"x".repeat(40)}\r\n\r\n`;

  test("it may have so many bytes and no more, however it comes", () => {
    assert.equal(scanned(head, { maxBytes: head.length })[1], COMPLETE);
    assert.equal(scanned(head, { maxBytes: head.length - 1 })[1], MALFORMED);
    assert.equal(scanned(head.slice(0, -1), { maxBytes: head.length })[1], INCOMPLETE);
    assert.equal(scanned(head.slice(0, -1), { maxBytes: head.length - 1 })[1], MALFORMED);
  });

  test("it may have so many fields and no more", () => {
    assert.equal(scanned(fields("x", "x", "x"), { maxFields: 2 })[1], MALFORMED);
    assert.equal(scanned(fields("x: 1", "x: 1"), { maxFields: 2 })[1], COMPLETE);
    assert.equal(scanned(fields("x: 1", "x: 1", "x: 1"), { maxFields: 2 })[1], MALFORMED);
  });
});
