import assert from "node:assert/strict";
import { getEventListeners } from "node:events";

import { describe, test } from "vitest";

import {
  createBackoff,
  createLiveValue,
  jitteredInterval,
  latch,
  pollWatch,
  sleep,
  systemClock,
  withDeadline,
} from "../src/adapter/index.ts";
import { orAborted } from "../src/adapter/or-aborted.ts";
import type { DiscoveryError } from "../src/error.ts";
import { manualClock, settle } from "./manual-clock.ts";

const where = { registry: "scripted", operation: "call" };
const reason = new Error("enough");
const isReason = (error: unknown): boolean => error === reason;

describe("backoff", () => {
  test("is uniform below a bound that doubles up to the cap", () => {
    for (const random of [0, 0.25, 0.999]) {
      const backoff = createBackoff({ baseMs: 10, capMs: 100, random: () => random });
      const waits = Array.from({ length: 6 }, () => backoff.failed());
      assert.deepEqual(
        waits,
        [10, 20, 40, 80, 100, 100].map((bound) => bound * random),
      );
    }
  });

  test("starts over after health, and not after a moment of it", () => {
    const backoff = createBackoff({ baseMs: 10, healthyMs: 50, random: () => 1 });
    backoff.failed();
    assert.equal(backoff.failed(49), 20);
    assert.equal(backoff.failures, 2);
    assert.equal(backoff.failed(50), 10);
    backoff.reset();
    assert.equal(backoff.failures, 0);
    assert.equal(backoff.failed(), 10);
  });

  test("never overflows", () => {
    const backoff = createBackoff({ random: () => 0.5 });
    for (let n = 0; n < 5_000; n += 1) assert.ok(backoff.failed() <= 15_000);
  });
});

describe("sleep", () => {
  test("ends in time or with the signal's reason, and leaves nothing", async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const slept = sleep(100, abort.signal, clock);
    await clock.advance(100);
    await slept;
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
    const cut = sleep(100, abort.signal, clock);
    abort.abort(reason);
    await assert.rejects(cut, isReason);
    await assert.rejects(sleep(100, abort.signal, clock), isReason);
    assert.equal(clock.timers, 0);
  });

  test("the real clock takes any delay without firing early", async () => {
    let fired = 0;
    const cancels = [2 ** 31, 2 ** 40, Infinity].map((ms) => systemClock.after(ms, () => fired++));
    await new Promise<void>((resolve) => systemClock.after(-5, resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const cancel of cancels) cancel();
    assert.equal(fired, 0);
  });
});

describe("orAborted", () => {
  test("is the promise, unless the signal is first", async () => {
    assert.equal(await orAborted(Promise.resolve(1), undefined), 1);
    const abort = new AbortController();
    assert.equal(await orAborted(Promise.resolve(1), abort.signal), 1);
    await assert.rejects(orAborted(Promise.reject(reason), abort.signal), isReason);
    const cut = orAborted(new Promise(() => undefined), abort.signal);
    abort.abort(reason);
    await assert.rejects(cut, isReason);
    await assert.rejects(orAborted(Promise.resolve(1), abort.signal), isReason);
    await assert.rejects(orAborted(Promise.reject(new Error("late")), abort.signal), isReason);
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
  });
});

describe("withDeadline", () => {
  test("gives the call a signal and its answer back", async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const { signal } = abort;
    let given: AbortSignal | undefined;
    const answer = await withDeadline({ ...where, timeoutMs: 10, signal, clock }, async (own) => {
      given = own;
      return 7;
    });
    assert.equal(answer, 7);
    assert.equal(given?.aborted, false);
    assert.equal(clock.timers, 0);
    assert.equal(getEventListeners(signal, "abort").length, 0);
    await assert.rejects(
      withDeadline({ ...where, timeoutMs: 10, signal, clock }, () => Promise.reject(reason)),
      isReason,
    );
    const thrown = withDeadline({ ...where, timeoutMs: 10, clock }, () => {
      throw reason;
    });
    await assert.rejects(thrown, isReason);
    assert.equal(clock.timers, 0);
  });

  test("ends deaf calls, and says TIMEOUT whatever the call makes of its abort", async () => {
    for (const deaf of [true, false]) {
      const clock = manualClock();
      const call = withDeadline({ ...where, timeoutMs: 10, clock }, (signal) => {
        const { promise, reject } = Promise.withResolvers<never>();
        if (!deaf) signal.addEventListener("abort", () => reject(new TypeError("aborted")));
        return promise;
      });
      call.catch(() => undefined);
      await clock.advance(10);
      await assert.rejects(
        call,
        (error: DiscoveryError) => error.code === "TIMEOUT" && /within 10 ms/.test(error.message),
      );
    }
  });

  test("hears the caller's signal before, during and after", async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const { signal } = abort;
    const call = withDeadline(
      { ...where, timeoutMs: 10, signal, clock },
      () => new Promise(() => 0),
    );
    abort.abort(reason);
    await assert.rejects(call, isReason);
    assert.equal(clock.timers, 0);
    let called = false;
    const never = withDeadline({ ...where, timeoutMs: 10, signal, clock }, async () => {
      called = true;
    });
    await assert.rejects(never, isReason);
    assert.equal(called, false);
  });
});

describe("latch", () => {
  test("one slot, newest wins, then the failure", async () => {
    const source = latch<number>();
    source.set(1);
    source.set(2);
    source.fail(reason);
    source.fail(new Error("second"));
    source.set(3);
    const iterator = source[Symbol.asyncIterator]();
    assert.deepEqual(await iterator.next(), { done: false, value: 2 });
    await assert.rejects(iterator.next(), isReason);
    assert.equal((await iterator.next()).done, true);
  });

  test("wakes its reader, and ends", async () => {
    const source = latch<number>();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const value of source) seen.push(value);
    })();
    for (const value of [1, 2, 3]) {
      await settle();
      source.set(value);
    }
    source.end();
    await reading;
    assert.deepEqual(seen, [1, 2, 3]);
  });

  test("hears its signal while waiting and between values, and lets go of it", async () => {
    const abort = new AbortController();
    const source = latch<number>(abort.signal);
    const iterator = source[Symbol.asyncIterator]();
    source.set(1);
    await iterator.next();
    const waiting = iterator.next();
    await settle();
    abort.abort(reason);
    await assert.rejects(waiting, isReason);
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
    await assert.rejects(latch<number>(abort.signal)[Symbol.asyncIterator]().next(), isReason);
  });
});

describe("live value", () => {
  test("each reader sees the newest, now and on change; the end comes after the last value", async () => {
    const live = createLiveValue(0);
    const quick: number[] = [];
    const reading = (async () => {
      for await (const value of live) quick.push(value);
    })();
    const slow = live.iterate();
    await slow.next();
    for (const value of [1, 2, 3]) {
      await settle();
      live.set(value);
    }
    live.end();
    live.set(4);
    await reading;
    assert.deepEqual(quick, [0, 1, 2, 3]);
    assert.deepEqual(await slow.next(), { done: false, value: 3 });
    assert.equal((await slow.next()).done, true);
    assert.equal(live.current, 3);
    assert.equal(live.ended, true);
  });

  test("two questions at once get two answers", async () => {
    const live = createLiveValue(0);
    const iterator = live.iterate();
    const [first, second] = [iterator.next(), iterator.next()];
    assert.equal((await first).value, 0);
    live.set(1);
    assert.equal((await second).value, 1);
  });

  test("a stop signal and return wake a waiting reader", async () => {
    const live = createLiveValue(0);
    const stop = new AbortController();
    const [stopped, returned] = [live.iterate(stop.signal), live.iterate()];
    await Promise.all([stopped.next(), returned.next()]);
    const waiting = [stopped.next(), returned.next()];
    stop.abort();
    await returned.return?.();
    for (const result of await Promise.all(waiting)) assert.equal(result.done, true);
    assert.equal(getEventListeners(stop.signal, "abort").length, 0);
  });
});

describe("pollWatch", () => {
  test("asks at once, then at every jittered interval, until aborted", async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const asked: number[] = [];
    const read = async (): Promise<number> => asked.push(clock.monotonicMs());
    const options = { intervalMs: 1_000, signal: abort.signal, clock, random: () => 0.5 };
    const values: number[] = [];
    const reading = (async () => {
      for await (const value of pollWatch(read, options)) values.push(value);
    })();
    reading.catch(() => undefined);
    await clock.advance(2_000);
    assert.deepEqual(values, [1, 2, 3]);
    assert.deepEqual(
      asked.map((ms) => ms - (asked[0] ?? 0)),
      [0, 950, 1_900],
    );
    abort.abort(reason);
    await assert.rejects(reading, isReason);
    assert.equal(clock.timers, 0);
    assert.equal(jitteredInterval(1_000, 0.1, () => 0.999_999) >= 900, true);
    assert.equal(
      jitteredInterval(1_000, 0.1, () => 0),
      1_000,
    );
  });

  test("throws what the read throws", async () => {
    const { signal } = new AbortController();
    const failing = pollWatch(() => Promise.reject(reason), { intervalMs: 1, signal });
    await assert.rejects(failing.next(), isReason);
  });
});
