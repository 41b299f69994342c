import assert from "node:assert/strict";

import type { Oracle, OracleMessage } from "./llhttp.ts";

/** Asserts that `bytes` are one message to llhttp, neither more nor less. */
export function readAsOne(
  oracle: Oracle,
  bytes: Buffer,
  endsWithConnection = false,
): OracleMessage {
  oracle.read(bytes.subarray(0, -1));
  assert.notEqual(oracle.messages[0]?.complete, true, "llhttp sees the end earlier");
  oracle.more(bytes.subarray(-1));
  if (endsWithConnection) {
    assert.notEqual(oracle.messages[0]?.complete, true, "llhttp sees the end earlier");
    oracle.end();
  }
  assert.equal(oracle.error, "", "llhttp refuses");
  assert.equal(oracle.messages.length, 1);
  const message = oracle.messages[0]!;
  assert.ok(message.complete, "llhttp sees no end");
  return message;
}
