import assert from "node:assert/strict";
import type { NetConnectOpts } from "node:net";

import { Oracle } from "../fuzz/llhttp.ts";
import { RequestReader } from "../fuzz/request-reading.ts";
import { forwardTo, proxyWith, talk, type Wire } from "../wire.ts";
import type { Attack } from "./corpus.ts";
import { recordBefore } from "./recorder.ts";

/** Follows each attack: it is answered where the connection is still in order. */
const last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** Sends an attack through a proxy to the server at `target`, and judges every byte that comes out. */
export async function runAttack(
  attack: Attack,
  target: NetConnectOpts,
  wire: Wire = "plain",
): Promise<readonly string[]> {
  await using recorder = await recordBefore(target);
  const address = await proxyWith({ route: () => forwardTo([recorder]) }, wire);
  // A target's scheme has to be the connection's, or that is what is refused.
  const bytes = wire === "tls" ? attack.bytes.replaceAll(" http://", " https://") : attack.bytes;
  const received = await talk(address, bytes + last);
  const stays = attack.closes !== true && attack.answers.every((status) => status === 200);
  const answers = [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) =>
    Number(status),
  );
  assert.deepEqual(
    answers.filter((status) => status !== 100),
    stays ? [...attack.answers, 200] : attack.answers,
    received,
  );
  const targets = expectedTargets(attack, stays);
  const read = recorder.sent.flatMap((bytes) => {
    assert.doesNotMatch(bytes, attack.never ?? /(?!)/);
    return judged(bytes);
  });
  assert.deepEqual(read, targets);
  return targets;
}

function expectedTargets({ targets, answers }: Attack, stays: boolean): readonly string[] {
  const own = targets ?? answers.filter((status) => status === 200).map(() => "/1");
  return stays ? [...own, "/last"] : own;
}

/** Targets of the requests that were sent to their end; the same to every reader. */
export function judged(bytes: string): readonly string[] {
  const ours = readByUs(bytes);
  for (const lenient of [false, true]) {
    const oracle = new Oracle("request", false, lenient);
    oracle.read(Buffer.from(bytes, "latin1"));
    assert.equal(oracle.error, "");
    const whole = oracle.messages.filter(({ complete }) => complete);
    assert.deepEqual(
      whole.map(({ target }) => target),
      ours,
      lenient ? "a lenient reader sees others" : "llhttp sees others",
    );
  }
  return ours;
}

function readByUs(bytes: string): readonly string[] {
  const reader = new RequestReader();
  const targets: string[] = [];
  let rest = Buffer.from(bytes, "latin1");
  while (rest.length > 0) {
    const reading = reader.read(rest);
    assert.notEqual(reading.kind, "refused");
    if (reading.kind !== "read") break;
    targets.push(reading.head.target);
    rest = rest.subarray(reading.end);
  }
  return targets;
}
