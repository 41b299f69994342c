import assert from "node:assert/strict";

import type { BodyFraming } from "../../src/http1/body-framing.ts";
import { everyCut } from "./cuts.ts";
import type { Random } from "./random.ts";

/** A body that was read at once. */
export interface WholeBody {
  /** Where the head ends, and where the message does. */
  readonly headEnd: number;
  readonly end: number;
  /** How the body travels on: bytes up to here, then the tail. */
  readonly passEnd: number;
  readonly tail: string;
}

/**
 * Whatever the pieces it comes in, a body ends at the same byte and travels on as the same bytes.
 *
 * @param framing  Ready for the body, each time it is asked for.
 */
export function checkBodyCuts(
  framing: () => BodyFraming,
  bytes: Buffer,
  whole: WholeBody,
  random: Random,
): void {
  everyCut(whole.headEnd, whole.end, random, (cut) => {
    checkCut(framing(), bytes, whole, cut);
  });
  checkByteByByte(framing(), bytes, whole);
}

function checkCut(framing: BodyFraming, bytes: Buffer, whole: WholeBody, cut: number): void {
  framing.take(bytes, whole.headEnd, cut);
  if (framing.done || framing.bad || framing.next !== cut) assert.fail(`cut at ${cut}`);
  const passed = framing.passEnd;
  framing.take(bytes, cut, bytes.length);
  // What passes is one range: either the second piece goes on where the first ended, or it adds nothing.
  const goesOn = framing.passEnd > cut;
  const passEnd = goesOn ? framing.passEnd : passed;
  const rest = passEnd === whole.passEnd ? "" : bytes.toString("latin1", passEnd, whole.passEnd);
  const same =
    framing.done &&
    !framing.bad &&
    framing.next === whole.end &&
    (!goesOn || passed === cut) &&
    passEnd <= whole.passEnd &&
    framing.tail === rest + whole.tail;
  assert.ok(same, `cut at ${cut}`);
}

function checkByteByByte(framing: BodyFraming, bytes: Buffer, whole: WholeBody): void {
  let passed = whole.headEnd;
  for (let at = whole.headEnd; at < whole.end; at += 1) {
    if (framing.done || framing.bad) assert.fail(`byte by byte at ${at}`);
    framing.take(bytes, at, at + 1);
    if (framing.passEnd > at) {
      if (passed !== at) assert.fail(`byte by byte at ${at}`);
      passed = framing.passEnd;
    }
  }
  assert.ok(framing.done && !framing.bad);
  assert.equal(
    bytes.toString("latin1", whole.headEnd, passed) + framing.tail,
    bytes.toString("latin1", whole.headEnd, whole.passEnd) + whole.tail,
  );
}
