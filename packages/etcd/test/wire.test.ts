import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { frame, FrameSplitter } from "../src/message-frames.ts";
import { prefixRange, readRange, readWatch, txnRequest } from "../src/messages.ts";
import { bytesField, FieldReader, message, varintField } from "../src/protobuf.ts";

describe("protobuf", () => {
  // https://protobuf.dev/programming-guides/encoding/
  test("is written as its documentation has it", () => {
    expect(varintField(1, 150).toString("hex")).toBe("089601");
    expect(bytesField(2, "testing").toString("hex")).toBe("120774657374696e67");
    expect(varintField(1, -1).toString("hex")).toBe("08ffffffffffffffffff01");
    expect(varintField(1, 0)).toHaveLength(0);
    expect(varintField(16, true).toString("hex")).toBe("800101");
  });

  test("gives back every number", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        if (value === 0n) return;
        const reader = new FieldReader(varintField(3, value));
        expect(reader.next()).toBe(3);
        expect(reader.int64()).toBe(value);
        expect(reader.next()).toBe(0);
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        if (value <= 0) return;
        const reader = new FieldReader(varintField(3, value));
        reader.next();
        expect(reader.number()).toBe(value);
      }),
    );
  });

  test("skips what it does not know", () => {
    const fixed = Buffer.from([(8 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8, (9 << 3) | 5, 1, 2, 3, 4]);
    const reader = new FieldReader(
      message(varintField(7, 2n ** 63n - 1n), bytesField(6, "x"), fixed, varintField(1, 5)),
    );
    const fields: number[] = [];
    for (let field = reader.next(); field !== 0; field = reader.next()) fields.push(field);
    expect(fields).toEqual([7, 6, 8, 9, 1]);
  });

  test("of any bytes is a message or an error of its own", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        for (const read of [readRange, readWatch]) {
          try {
            read(Buffer.from(bytes));
          } catch (thrown) {
            expect((thrown as Error).name).toBe("MalformedMessage");
          }
        }
      }),
    );
  });
});

describe("frames", () => {
  test("are found however they are cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 })), (given, cuts) => {
        const splitter = new FrameSplitter(50);
        const found: Buffer[] = [];
        let rest = Buffer.concat(given.map((one) => frame(one)));
        for (const cut of [...cuts, rest.length]) {
          found.push(...splitter.push(rest.subarray(0, cut)));
          rest = rest.subarray(cut);
        }
        expect(found.map((one) => [...one])).toEqual(given.map((one) => [...one]));
        expect(splitter.isWithinMessage).toBe(false);
      }),
    );
  });

  test("that are too large are refused before they arrive", () => {
    const splitter = new FrameSplitter(10);
    expect(() => splitter.push(Buffer.from([0, 0, 0, 0, 11]))).toThrow(
      "11 bytes, more than maxMessageBytes (10)",
    );
  });
});

describe("a range", () => {
  test.each([
    ["a/", "612f", "6130"],
    ["a\u007f", "617f", "6180"],
    ["", "00", "00"],
  ])("of the prefix %j is as etcd means it", (prefix, key, end) => {
    const range = prefixRange(prefix);
    expect(range.key.toString("hex")).toBe(key);
    expect(range.end.toString("hex")).toBe(end);
  });

  test("of a prefix of bytes that cannot be counted up goes to the next shorter one", () => {
    expect(prefixRange(Buffer.from([0x61, 0xff])).end.toString("hex")).toBe("62");
    expect(prefixRange(Buffer.from([0xff, 0xff])).end.toString("hex")).toBe("00");
  });
});

test("a transaction on a key that is not there compares with 0, which protobuf would leave out", () => {
  const request = txnRequest(Buffer.from("k"), 0, { delete: true });
  const reader = new FieldReader(request);
  expect(reader.next()).toBe(1);
  // target MOD, key, mod_revision 0
  expect(reader.bytes().toString("hex")).toBe("10021a016b3000");
});
