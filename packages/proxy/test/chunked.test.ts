import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { BodyFraming } from "../src/http1/body-framing.ts";
import { type ChunkLimits, ChunkedWalk } from "../src/http1/chunked-walk.ts";
import { trailersToForward } from "../src/http1/trailers.ts";

const limits: ChunkLimits = { maxExtensionBytes: 64, maxTrailerBytes: 64 };

interface Taken {
  readonly state: "done" | "more" | "bad";
  /** What travels on. */
  readonly passed: string;
  readonly data: string;
  /** What does not belong to the body. */
  readonly rest: string;
}

/** Takes a chunked body, in pieces of so many bytes. */
function take(text: string, pieceBytes: number = text.length): Taken {
  const framing = new BodyFraming(limits);
  framing.chunked();
  const bytes = Buffer.from(text, "latin1");
  let passed = "";
  let data = "";
  let at = 0;
  while (at < bytes.length && !framing.done && !framing.bad) {
    const end = Math.min(bytes.length, at + pieceBytes);
    framing.take(bytes, at, end, (from, to) => {
      data += bytes.toString("latin1", from, to);
    });
    passed += bytes.toString("latin1", at, framing.passEnd) + framing.tail;
    at = framing.done ? framing.next : end;
  }
  assert.equal(framing.dataBytes, data.length);
  const open = framing.done ? "done" : "more";
  return { state: framing.bad ? "bad" : open, passed, data, rest: text.slice(at) };
}

const pieces = [1, 2, 3, 7, 1_000] as const;

describe("accepted", () => {
  test.each([
    ["nothing", "0\r\n\r\n", ""],
    ["zeros", "0000\r\n\r\n", ""],
    ["one chunk", "4\r\nabcd\r\n0\r\n\r\n", "abcd"],
    ["two chunks", "4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n", "abcde"],
    ["capitals and zeros", "0000000A\r\n0123456789\r\n00000\r\n\r\n", "0123456789"],
    ["data that looks like framing", "7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n\r\n"],
    ["an extension", "1;a\r\nx\r\n0;b\r\n\r\n", "x"],
    ["extensions with values", '1;a=b;c="d";e\r\nx\r\n0\r\n\r\n', "x"],
    ["quoted pairs", '1;a="\\"\\\\; \t\xe9"\r\nx\r\n0\r\n\r\n', "x"],
    ["an empty quoted value", '1;a=""\r\nx\r\n0\r\n\r\n', "x"],
  ])("%s", (_name, text, data) => {
    for (const size of pieces) {
      assert.deepEqual(take(text, size), { state: "done", passed: text, data, rest: "" });
      assert.equal(take(`${text}GET /`, size).rest, "GET /");
    }
  });

  test.each([
    ["a trailer", "X-Sum: 7\r\n", "X-Sum: 7\r\n"],
    ["trailers", "a:\r\nb: \t\xe9 \r\n", "a:\r\nb: \t\xe9 \r\n"],
    ["a forbidden one among them", "a: 1\r\nHost: b\r\nc: 3\r\n", "a: 1\r\nc: 3\r\n"],
    ["forbidden ones only", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", ""],
  ])("%s", (_name, trailers, kept) => {
    for (const size of pieces) {
      const taken = take(`1\r\nx\r\n0\r\n${trailers}\r\nGET /`, size);
      const passed = `1\r\nx\r\n0\r\n${kept}\r\n`;
      assert.deepEqual(taken, { state: "done", passed, data: "x", rest: "GET /" });
    }
  });
});

describe("refused", () => {
  test.each([
    ["no size", "\r\n"],
    ["a size that is none", "g\r\n"],
    ["a sign", "-1\r\n"],
    ["a plus", "+1\r\nx\r\n"],
    ["a prefix", "0x1\r\nx\r\n"],
    ["a space before the size", " 1\r\nx\r\n"],
    ["a space after the size", "1 \r\nx\r\n"],
    ["a tab after the size", "1\t\r\nx\r\n"],
    ["an underscore", "1_0\r\n"],
    ["a comma", "1,0\r\n"],
    ["nine digits", "000000001\r\nx\r\n"],
    ["a size that wraps at 32 bits", "100000001\r\nx\r\n"],
    ["a size that wraps at 64 bits", "10000000000000001\r\nx\r\n"],
    ["a bare LF after the size", "1\nx\r\n"],
    ["a bare CR after the size", "1\rx\r\n"],
    ["two CRs after the size", "1\r\r\nx\r\n"],
    ["a NUL after the size", "1\0\r\nx\r\n"],
    ["a chunk that is longer", "1\r\nxy\r\n"],
    ["a bare LF after the data", "1\r\nx\n"],
    ["a bare CR after the data", "1\r\nx\rx"],
    ["no line end after the data", "1\r\nx0\r\n\r\n"],
    ["an empty line between chunks", "1\r\nx\r\n\r\n0\r\n\r\n"],
    ["a bare LF after the last chunk", "0\n"],
    ["an extension without a name", "1;\r\nx\r\n"],
    ["an extension with a value only", "1;=b\r\nx\r\n"],
    ["an extension with an empty value", "1;a=\r\nx\r\n"],
    ["two semicolons", "1;;a\r\nx\r\n"],
    ["a space before the semicolon", "1 ;a\r\nx\r\n"],
    ["a space after the semicolon", "1; a\r\nx\r\n"],
    ["a space before the value", "1;a= b\r\nx\r\n"],
    ["a space after the extension", "1;a \r\nx\r\n"],
    ["two values", "1;a=b=c\r\nx\r\n"],
    ["an open quote", '1;a="b\r\nx\r\n'],
    ["more after the quotes", '1;a="b"c\r\nx\r\n'],
    ["a bare LF in an extension", "1;a\nx\r\n"],
    ["a bare LF in quotes", '1;a="\n"\r\nx\r\n'],
    ["a bare CR in quotes", '1;a="\r"\r\nx\r\n'],
    ["an escaped CR", '1;a="\\\r\n"\r\nx\r\n'],
    ["a NUL in quotes", '1;a="\0"\r\nx\r\n'],
    ["a trailer without a colon", "0\r\nGET /smuggled HTTP/1.1\r\n\r\n"],
    ["a trailer with a space before the colon", "0\r\na : b\r\n\r\n"],
    ["a folded trailer", "0\r\na: b\r\n c\r\n\r\n"],
    ["a trailer without a name", "0\r\n: b\r\n\r\n"],
    ["a trailer with a NUL", "0\r\na: \0\r\n\r\n"],
    ["a bare LF instead of trailers", "0\r\n\n"],
    ["a bare CR instead of trailers", "0\r\n\rx"],
    ["a bare LF in a trailer", "0\r\na: b\nc: d\r\n\r\n"],
    ["a bare CR in a trailer", "0\r\na: b\rc: d\r\n\r\n"],
    ["a bare LF after trailers", "0\r\na: b\r\n\n"],
  ])("%s", (_name, text) => {
    for (const size of pieces) {
      const { state, passed } = take(text, size);
      assert.equal(state, "bad", `in pieces of ${size}`);
      // Whatever went on before it was seen is no whole body to anybody.
      assert.ok(!passed.endsWith("0\r\n\r\n"));
    }
  });
});

describe("bounds", () => {
  test("extensions of all chunks together", () => {
    const chunk = (bytes: number): string => `1;${"a".repeat(bytes)}\r\nx\r\n`;
    for (const size of pieces) {
      assert.equal(take(`${chunk(64)}0\r\n\r\n`, size).state, "done");
      assert.equal(take(`${chunk(65)}0\r\n\r\n`, size).state, "bad");
      assert.equal(take(`${chunk(32)}${chunk(32)}0\r\n\r\n`, size).state, "done");
      assert.equal(take(`${chunk(32)}${chunk(32)}${chunk(1)}0\r\n\r\n`, size).state, "bad");
    }
  });

  test("an extension without end is refused before it is whole", () => {
    for (const size of pieces) assert.equal(take(`1;${"a".repeat(65)}`, size).state, "bad");
  });

  test("trailers", () => {
    const trailers = (bytes: number): string => `a:${"b".repeat(bytes - 4)}\r\n`;
    for (const size of pieces) {
      assert.equal(take(`0\r\n${trailers(64)}\r\n`, size).state, "done");
      assert.equal(take(`0\r\n${trailers(65)}\r\n`, size).state, "bad");
      assert.equal(take(`0\r\n${trailers(32)}${trailers(32)}\r\n`, size).state, "done");
      assert.equal(take(`0\r\n${trailers(32)}${trailers(33)}\r\n`, size).state, "bad");
      assert.equal(take(`0\r\na:${"b".repeat(70)}`, size).state, "bad");
    }
  });

  test("a chunk of 4 GiB is walked over without a thought", () => {
    const walk = new ChunkedWalk(limits);
    const bytes = Buffer.alloc(1_048_576, "x");
    const head = Buffer.from("FFFFFFFF\r\n");
    assert.equal(walk.walk(head, 0, head.length), head.length);
    for (let left = 0xffff_ffff; left > 0; left -= bytes.length) {
      const length = Math.min(left, bytes.length);
      assert.equal(walk.walk(bytes, 0, length), length);
    }
    const end = Buffer.from("\r\n0\r\n");
    assert.equal(walk.walk(end, 0, end.length), end.length);
    assert.ok(walk.atTrailers);
    assert.equal(walk.dataBytes, 0xffff_ffff);
  });
});

describe("other framings", () => {
  const bytes = Buffer.from("0123456789");

  test("a length", () => {
    const framing = new BodyFraming(limits);
    framing.length(8);
    framing.take(bytes, 2, 5);
    assert.deepEqual([framing.passEnd, framing.next, framing.done], [5, 5, false]);
    framing.take(bytes, 0, 10);
    assert.deepEqual([framing.passEnd, framing.next, framing.done], [5, 5, true]);
    assert.equal(framing.dataBytes, 8);
    framing.length(0);
    assert.ok(framing.done);
    assert.equal(framing.dataBytes, 0);
  });

  test("the end of the connection", () => {
    const framing = new BodyFraming(limits);
    framing.untilClose();
    framing.take(bytes, 0, 10);
    assert.deepEqual([framing.passEnd, framing.next, framing.done], [10, 10, false]);
    assert.ok(framing.isUntilClose);
    assert.equal(framing.dataBytes, 10);
  });

  test("none", () => {
    const framing = new BodyFraming(limits);
    framing.none();
    framing.take(bytes, 3, 10);
    assert.deepEqual([framing.passEnd, framing.next, framing.done], [3, 3, true]);
  });

  test("one body after another", () => {
    const framing = new BodyFraming(limits);
    const bad = Buffer.from("x\r\n");
    framing.chunked();
    framing.take(bad, 0, bad.length);
    assert.ok(framing.bad);
    framing.length(1);
    assert.ok(!framing.bad && !framing.done && !framing.isUntilClose);
    framing.take(bytes, 0, 10);
    assert.ok(framing.done);
  });
});

describe("trailers that travel", () => {
  test.each([
    "Age",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "content-range",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Expires",
    "Forwarded",
    "Host",
    "If-None-Match",
    "Keep-Alive",
    "Location",
    "Max-Forwards",
    "Pragma",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Retry-After",
    "SET-COOKIE",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Vary",
    "Via",
    "WWW-Authenticate",
    "X-Forwarded-For",
    "X-Real-IP",
    "Content_Length",
    "Transfer_Encoding",
    "X_Forwarded_For",
  ])("not %s", (name) => {
    assert.equal(trailersToForward(`a: 1\r\n${name}: x\r\nb: 2\r\n`), "a: 1\r\nb: 2\r\n");
  });

  test.each([
    "X-Sum: 7\r\n",
    "Server-Timing: a;dur=1\r\n",
    "grpc-status: 0\r\n",
    "Hosts: 1\r\n",
    "Content-Digest: sha-256=:AA==:\r\n",
  ])("%j", (line) => {
    assert.equal(trailersToForward(line), line);
  });

  test.each(["a\r\n", ": b\r\n", "a : b\r\n", " a: b\r\n", "a: \0\r\n", "a: b\r\r\n", "a: b"])(
    "no field: %j",
    (text) => {
      assert.equal(trailersToForward(text), undefined);
    },
  );
});
