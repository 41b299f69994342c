import type { Registry } from "@rollcall/core";
import { until } from "@rollcall/testbed";
import { afterEach, describe, expect, test } from "vitest";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";
import { apps, type FakeServer, plain, startFake } from "./fake-server.ts";
import { type SkippingClock, skippingClock } from "./skipping-clock.ts";

const intervalMs = 30_000;
const timeouts = { connectMs: 8_000, sendMs: 1_000, readMs: 10_000 };
const disposals: (() => PromiseLike<void>)[] = [];

afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
});

interface Paced {
  /** When each request came, on the clock that skips. */
  readonly atMs: number[];
  readonly fakes: readonly FakeServer[];
  readonly clock: SkippingClock;
  /** Waits for so many more requests and gives the gaps between them. */
  readonly gaps: (count: number) => Promise<number[]>;
}

/** Watches one service at servers that all give the same answer, on a clock that does not wait. */
async function paced(
  answer: (clock: SkippingClock) => FakeServer["answer"],
  options: Partial<EurekaOptions> & { readonly count?: number } = {},
): Promise<Paced> {
  const { count = 1, ...others } = options;
  const clock = skippingClock(timeouts.connectMs + timeouts.sendMs + timeouts.readMs);
  const atMs: number[] = [];
  const fakes: FakeServer[] = [];
  for (let index = 0; index < count; index += 1) {
    const fake = await startFake((request, response) => {
      atMs.push(clock.monotonicMs());
      answer(clock)(request, response);
    });
    fakes.push(fake);
    disposals.push(() => fake.stop());
  }
  const servers = fakes.map(({ url }) => url);
  const registry = eurekaRegistry({ intervalMs, timeouts, clock, servers, ...others });
  const stop = new AbortController();
  const watching = watchForEver(registry, stop.signal);
  disposals.push(async () => {
    stop.abort();
    await watching;
    await registry[Symbol.asyncDispose]();
  });
  return {
    atMs,
    fakes,
    clock,
    async gaps(more) {
      const from = atMs.length;
      await until(() => atMs.length > from + more, { what: "requests" });
      return atMs.slice(from + 1).map((one, index) => one - (atMs[from + index] ?? 0));
    },
  };
}

/** What core does, without its waits: another attempt after each failure. */
async function watchForEver(registry: Registry, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const _ of registry.watch({ service: "a" }, signal)) void _;
    } catch {
      // The next attempt waits for the next poll.
    }
  }
}

const longest = (gaps: readonly number[]): number => Math.max(...gaps);
const shortest = (gaps: readonly number[]): number => Math.min(...gaps);

describe("polls follow each other", () => {
  test("after an interval less up to a tenth, as chance has it", async () => {
    const { gaps } = await paced(() => apps("x"));
    const seen = await gaps(40);
    expect(longest(seen)).toBeLessThanOrEqual(intervalMs);
    expect(shortest(seen)).toBeGreaterThanOrEqual(intervalMs * 0.9);
    expect(longest(seen) - shortest(seen)).toBeGreaterThan(500);
  });

  test("from start to start, however long an answer takes", async () => {
    const { gaps } = await paced((clock) => (request, response) => {
      clock.skip(8_000);
      apps("x")(request, response);
    });
    const seen = await gaps(20);
    expect(longest(seen)).toBeLessThanOrEqual(intervalMs);
  });

  test("with a rest after an answer that took longer than the interval", async () => {
    const { gaps } = await paced((clock) => (request, response) => {
      clock.skip(40_000);
      apps("x")(request, response);
    });
    expect(shortest(await gaps(5))).toBeGreaterThanOrEqual(40_000 + intervalMs / 10);
  });
});

describe("failure never stretches the pace", () => {
  test.each([
    ["may mend", plain(503)],
    ["is nonsense", plain(200, "<html>")],
    ["is about rights", plain(401)],
  ])("that %s", async (_, answer) => {
    const { gaps } = await paced(() => answer);
    expect(longest(await gaps(30))).toBeLessThanOrEqual(intervalMs);
  });

  test.each([
    ["may mend", plain(503)],
    ["is about rights", plain(401)],
  ])("that %s and takes its time", async (_, answer) => {
    const { gaps } = await paced((clock) => (request, response) => {
      clock.skip(9_000);
      answer(request, response);
    });
    expect(longest(await gaps(30))).toBeLessThanOrEqual(intervalMs);
  });

  test("of some servers: the others are asked at their usual time", async () => {
    const { gaps, fakes } = await paced(() => apps("x"), { count: 3, random: () => 0 });
    await gaps(2);
    await fakes[0]?.stop();
    const seen = await gaps(20);
    expect(longest(seen)).toBeLessThanOrEqual(intervalMs);
  });

  test("of all servers: each of them is tried, every time", async () => {
    const { gaps, fakes } = await paced(() => plain(503), { count: 3 });
    expect(longest(await gaps(30))).toBeLessThanOrEqual(intervalMs);
    const counts = fakes.map(({ requests }) => requests.length);
    expect(longest(counts) - shortest(counts)).toBeLessThanOrEqual(1);
  });

  test("about rights is not followed by a hot loop", async () => {
    const { gaps } = await paced(() => plain(401));
    expect(shortest(await gaps(10))).toBeGreaterThanOrEqual(intervalMs * 0.9);
  });
});

describe("everything is read instead of the changes", () => {
  test("when the last look is so long ago that some may be missing", async () => {
    const { gaps, fakes } = await paced(() => apps("x"), { intervalMs: 170_000 });
    await gaps(5);
    expect(new Set(fakes[0]?.requests)).toEqual(new Set(["GET /apps"]));
  });

  test("every quarter of an hour, give or take a third", async () => {
    const { gaps, fakes } = await paced(() => apps("x"));
    await gaps(200);
    const requests = fakes[0]?.requests ?? [];
    const fullAt = requests.flatMap((one, index) => (one === "GET /apps" ? [index] : []));
    const between = fullAt.slice(1).map((one, index) => one - (fullAt[index] ?? 0));
    expect(between.length).toBeGreaterThan(2);
    // In polls of 27 to 30 s.
    expect(shortest(between)).toBeGreaterThanOrEqual(19);
    expect(longest(between)).toBeLessThanOrEqual(46);
  });
});
