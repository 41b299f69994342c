import assert from "node:assert/strict";

import { systemClock } from "@rollcall/core/adapter";
import { describe, test } from "vitest";

import { BlockingIndex } from "../src/blocking-index.ts";
import { Places } from "../src/places.ts";
import { ReadPace } from "../src/read-pace.ts";
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
    wait.cut(1_100);
    wait.cut(1_100);
    assert.equal(wait.ms, 1_000);
    const short = new WaitLength(500);
    short.cut(1_100);
    short.cut(1_100);
    assert.equal(short.ms, 500);
  });

  test("a server that resets connections at once is no time limit", () => {
    const wait = new WaitLength(55_000);
    wait.cut(10);
    wait.cut(10);
    assert.equal(wait.ms, 55_000);
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

describe("places", () => {
  test("are limited, and given back once", () => {
    const places = new Places(2);
    const [first, second] = [places.take(), places.take()];
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(places.take(), undefined);
    first();
    first();
    assert.ok(places.take() !== undefined);
    assert.equal(places.take(), undefined);
  });
});
