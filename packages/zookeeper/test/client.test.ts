import assert from "node:assert/strict";

import fc from "fast-check";
import { test } from "vitest";

import { answerChallenge } from "../src/client/digest-md5.ts";
import { FrameSplitter } from "../src/client/frame-splitter.ts";
import { JuteReader, JuteWriter } from "../src/client/jute.ts";
import { parseServerList, serverName } from "../src/client/server-list.ts";

test("what is written is read", () => {
  const values = fc.record({
    int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    bool: fc.boolean(),
    text: fc.string({ unit: "binary", maxLength: 500 }),
    bytes: fc.uint8Array({ maxLength: 500 }),
    texts: fc.array(fc.string({ maxLength: 50 }), { maxLength: 20 }),
  });
  fc.assert(
    fc.property(values, ({ int, long, bool, text, bytes, texts }) => {
      const out = new JuteWriter().int(int).long(long).bool(bool).text(text).bytes(bytes);
      out.int(texts.length);
      for (const one of texts) out.text(one);
      const frame = out.frame();
      assert.equal(frame.readInt32BE(0), frame.length - 4);
      const reader = new JuteReader(frame.subarray(4));
      assert.equal(reader.int(), int);
      assert.equal(reader.long(), long);
      assert.equal(reader.bool(), bool);
      assert.equal(reader.text(), text);
      assert.deepEqual(reader.bytes(), Buffer.from(bytes));
      assert.deepEqual(reader.texts(), texts);
      assert.equal(reader.left, 0);
    }),
  );
});

test("null texts and vectors are empty, and nothing is read beyond the end", () => {
  const reader = new JuteReader(Buffer.from("ffffffffffffffff00000001", "hex"));
  assert.equal(reader.text(), "");
  assert.deepEqual(reader.texts(), []);
  assert.throws(() => reader.bytes(), RangeError);
  assert.throws(() => new JuteReader(Buffer.alloc(3)).int(), RangeError);
  assert.throws(() => new JuteReader(Buffer.alloc(7)).long(), RangeError);
  assert.throws(() => new JuteReader(Buffer.alloc(0)).bool(), RangeError);
  assert.throws(() => new JuteReader(Buffer.alloc(3)).skip(4), RangeError);
});

test("frames come out whole, however they are cut", () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });
  fc.assert(
    fc.property(
      frames,
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (sent, cuts) => {
        const stream = Buffer.concat(
          sent.map((body) => new JuteWriter().bytes(body).frame().subarray(4)),
        );
        const splitter = new FrameSplitter(100);
        const got: Buffer[] = [];
        let at = 0;
        for (let n = 0; at < stream.length; n += 1) {
          const end = at + (cuts[n % cuts.length] ?? 1);
          for (const frame of splitter.push(stream.subarray(at, end))) got.push(Buffer.from(frame));
          at = end;
        }
        assert.deepEqual(
          got,
          sent.map((body) => Buffer.from(body)),
        );
      },
    ),
  );
});

test.each([
  ["a", "", ["a:2181"]],
  ["a:1,b:2", "", ["a:1", "b:2"]],
  [
    " 10.0.0.1:2181 , [::1]:2182 ,[fe80::1%eth0]",
    "",
    ["10.0.0.1:2181", "[::1]:2182", "[fe80::1%eth0]:2181"],
  ],
  ["a:1,b:2/app/one/", "/app/one", ["a:1", "b:2"]],
  ["a/", "", ["a:2181"]],
])("%s is a list of servers", (text, chroot, names) => {
  const list = parseServerList(text);
  assert.equal(list.chroot, chroot);
  assert.deepEqual(list.servers.map(serverName), names);
});

test.each(["", ",a", "a:0", "a:65536", "a:x", "::1", "[::1", "http://a:1", "a b", "a:1:2"])(
  "%j is none",
  (text) => {
    assert.throws(() => parseServerList(text), /must be host:port/);
  },
);

test("a challenge is answered as RFC 2831 §4 shows", () => {
  const challenge =
    'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8';
  const login = { username: "chris", password: "secret", uri: "imap/elwood.innosoft.com" };
  const answer = answerChallenge(Buffer.from(challenge), login, "OA6MHXh6VqTrRk");
  assert.match(String(answer.token), /,response=d388dad90d4bbd760a152321f2143af7,/);
  assert.match(String(answer.token), /username="chris",realm="elwood.innosoft.com"/);
  assert.equal(answer.proves(Buffer.from("rspauth=ea40f60335c427b5527b84dbabcdfffd")), true);
  assert.equal(answer.proves(Buffer.from("rspauth=ea40f60335c427b5527b84dbabcdfffe")), false);
  assert.equal(answer.proves(Buffer.from("")), false);
});

test("a challenge that is none, or asks for encryption, is refused", () => {
  const login = { username: "a", password: "b", uri: "c" };
  assert.throws(() => answerChallenge(Buffer.from("rubbish"), login), /no nonce/);
  assert.throws(
    () => answerChallenge(Buffer.from('nonce="x",qop="auth-conf"'), login),
    /more than a log-in/,
  );
});
