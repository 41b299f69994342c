import assert from "node:assert/strict";

import fc from "fast-check";
import { describe, test } from "vitest";

import { FrameError, frame, FrameReader } from "../src/grpc-frames.ts";
import { decodePayload, encodePayload, PayloadError } from "../src/payload.ts";

// Captured on the wire of a Nacos 3.1.0 server.
const captured = {
  serverCheckResponse:
    "12151a13536572766572436865636b526573706f6e73651a8101127f7b22726573756c74436f6465223a3230302c226572726f72436f6465223a302c22636f6e6e656374696f6e4964223a22313739353335383934333330395f3132372e302e302e315f3435333936222c22737570706f72744162696c6974794e65676f74696174696f6e223a747275652c2273756363657373223a747275657d",
  errorResponse:
    "120f1a0d4572726f72526573706f6e73651a5912577b22726573756c74436f6465223a3530302c226572726f72436f6465223a3330322c226d657373616765223a225265717565737448616e646c6572204e6f7420466f756e64222c2273756363657373223a66616c73657d",
} as const;

describe("a payload", () => {
  test("is read as a server writes it", () => {
    const check = decodePayload(Buffer.from(captured.serverCheckResponse, "hex"));
    assert.equal(check.type, "ServerCheckResponse");
    assert.deepEqual(JSON.parse(check.body.toString("utf8")), {
      resultCode: 200,
      errorCode: 0,
      connectionId: "1795358943309_127.0.0.1_45396",
      supportAbilityNegotiation: true,
      success: true,
    });
    const error = decodePayload(Buffer.from(captured.errorResponse, "hex"));
    assert.equal(error.type, "ErrorResponse");
    assert.equal((JSON.parse(error.body.toString("utf8")) as { errorCode: number }).errorCode, 302);
  });

  test("comes back as it was, headers aside", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1 }),
        fc.string({ unit: "grapheme" }),
        fc.dictionary(fc.string(), fc.string()),
        (type, body, headers) => {
          const decoded = decodePayload(encodePayload({ type, body, headers }));
          assert.deepEqual(
            { ...decoded, body: decoded.body.toString("utf8") },
            { type, body: Buffer.from(body, "utf8").toString("utf8") },
          );
        },
      ),
    );
  });

  test("is complained about, and nothing worse, when it is none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodePayload(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof PayloadError);
        }
      }),
    );
  });

  test("has fields of other kinds skipped", () => {
    const own = encodePayload({ type: "T", body: "{}" });
    // Field 9 as a number, 10 as 64 bits, 11 as 32 bits, 12 as bytes.
    const strange = Buffer.from("48ff7f51010203040506070859000000006202aabb", "hex");
    const decoded = decodePayload(Buffer.concat([strange, own]));
    assert.deepEqual(decoded, { type: "T", body: Buffer.from("{}") });
  });
});

describe("frames", () => {
  test("are put together whatever the pieces they come in", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (messages, sizes) => {
          const all = Buffer.concat(messages.map((one) => frame(Buffer.from(one))));
          const reader = new FrameReader(100);
          const read: Buffer[] = [];
          for (let at = 0, turn = 0; at < all.length; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1;
            read.push(...reader.push(all.subarray(at, at + size)));
            at += size;
          }
          assert.deepEqual(
            read.map((one) => [...one]),
            messages.map((one) => [...one]),
          );
          assert.equal(reader.isInside, false);
        },
      ),
    );
  });

  test("that are too large or compressed are refused before they are held", () => {
    const reader = new FrameReader(10);
    assert.throws(() => reader.push(Buffer.from([0, 0, 0, 0, 11])), FrameError);
    assert.throws(() => new FrameReader(10).push(Buffer.from([1, 0, 0, 0, 1, 0])), FrameError);
  });
});
