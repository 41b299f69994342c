import assert from "node:assert/strict";

import { systemClock } from "@rollcall/core/adapter";
import { describe, test } from "vitest";

import { BlockingIndex } from "../src/blocking-index.ts";
import { ReadPace } from "../src/read-pace.ts";
import { Turns } from "../src/turns.ts";
import { WaitLength } from "../src/wait-length.ts";

const never = new AbortController().signal;

describe("the index", () => {
  test("moves forward, stays, goes back, or is none", () => {
    const index = new BlockingIndex();
    assert.equal(index.value, undefined);
    assert.equal(index.accept("7"), "advanced");
    assert.equal(index.accept("7"), "same");
    assert.equal(index.accept("9"), "advanced");
    assert.equal(index.value, 9n);
    assert.equal(index.accept("8"), "back");
    assert.equal(index.value, undefined);
    assert.equal(index.accept("8"), "advanced");
  });

  test.each([undefined, "", "0", "-1", "x", "1e3", "999999999999999999999999"])(
    "%j is nothing to block on",
    (header) => {
      const index = new BlockingIndex();
      index.accept("7");
      assert.equal(index.accept(header), "none");
      assert.equal(index.value, undefined);
    },
  );

  test("keeps all of its 64 bits", () => {
    const index = new BlockingIndex();
    index.accept("18446744073709551614");
    assert.equal(index.accept("18446744073709551615"), "advanced");
    assert.equal(index.accept("18446744073709551614"), "back");
  });
});

describe("the length of waits", () => {
  test("one cut changes nothing, two at one age shorten it below that age", () => {
    const wait = new WaitLength(55_000);
    wait.cut(30_000);
    assert.equal(wait.ms, 55_000);
    wait.cut(30_400);
    assert.equal(wait.ms, 24_000);
  });

  test("cuts at different ages, and with an answer between them, are no limit", () => {
    const wait = new WaitLength(55_000);
    wait.cut(30_000);
    wait.cut(5_000);
    assert.equal(wait.ms, 55_000);
    wait.answered();
    wait.cut(5_000);
    assert.equal(wait.ms, 55_000);
  });

  test("it grows again while queries are answered", () => {
    const wait = new WaitLength(2_000);
    wait.cut(1_500);
    wait.cut(1_500);
    assert.equal(wait.ms, 1_200);
    wait.answered();
    assert.equal(wait.ms, 1_224);
    for (let count = 0; count < 100; count += 1) wait.answered();
    assert.equal(wait.ms, 2_000);
  });

  test("it never gets shorter than a second, nor longer than it was", () => {
    const wait = new WaitLength(55_000);
    wait.cut(10);
    wait.cut(10);
    assert.equal(wait.ms, 1_000);
    const short = new WaitLength(500);
    short.cut(400);
    short.cut(400);
    assert.equal(short.ms, 500);
  });
});

describe("the pace", () => {
  test("lets a burst pass, then keeps the rate", async () => {
    let nowMs = 0;
    const slept: number[] = [];
    const clock = {
      ...systemClock,
      monotonicMs: () => nowMs,
      after: (delayMs: number, callback: () => void) => {
        slept.push(delayMs);
        nowMs += delayMs;
        queueMicrotask(callback);
        return () => undefined;
      },
    };
    const pace = new ReadPace(10, clock);
    for (let count = 0; count < 10; count += 1) await pace.take(never);
    assert.deepEqual(slept, []);
    for (let count = 0; count < 10; count += 1) await pace.take(never);
    assert.equal(slept.length, 10);
    assert.ok(slept.every((ms) => ms >= 99 && ms <= 101));
    nowMs += 1_000;
    for (let count = 0; count < 10; count += 1) await pace.take(never);
    assert.equal(slept.length, 10);
  });

  test("hears an abort while it waits", async () => {
    const pace = new ReadPace(0.01, systemClock);
    const abort = new AbortController();
    await pace.take(abort.signal);
    await pace.take(abort.signal);
    const waiting = assert.rejects(pace.take(abort.signal), /enough/);
    abort.abort(new Error("enough"));
    await waiting;
  });
});

describe("turns", () => {
  test("while there are enough, nobody is hurried", async () => {
    const turns = new Turns(2);
    const first = await turns.take(never);
    const second = await turns.take(never);
    assert.deepEqual([first.isContended, second.isContended], [false, false]);
    assert.equal(first.over.aborted, false);
    first.end();
    first.end();
    const third = await turns.take(never);
    assert.equal(third.isContended, false);
  });

  test("whoever waits has one long turn ended, and they go round in order", async () => {
    const turns = new Turns(1);
    const first = await turns.take(never);
    const order: string[] = [];
    const wait = async (name: string): Promise<void> => {
      const turn = await turns.take(never);
      order.push(`${name} ${turn.isContended ? "short" : "long"}`);
      turn.end();
    };
    const [a, b] = [wait("a"), wait("b")];
    assert.equal(first.over.aborted, true);
    first.end();
    await Promise.all([a, b]);
    assert.deepEqual(order, ["a short", "b long"]);
  });

  test("a wait that is given up takes no turn", async () => {
    const turns = new Turns(1);
    const first = await turns.take(never);
    const abort = new AbortController();
    const given = assert.rejects(turns.take(abort.signal), /up/);
    const next = turns.take(never);
    abort.abort(new Error("up"));
    await given;
    first.end();
    (await next).end();
    await assert.rejects(turns.take(abort.signal), /up/);
  });
});
