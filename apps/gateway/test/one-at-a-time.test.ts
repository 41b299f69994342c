import { expect, test } from "vitest";

import { oneAtATime } from "../src/one-at-a-time.ts";

/** Work that ends when it is told to. */
function slowWork() {
  const runs: PromiseWithResolvers<void>[] = [];
  const work = oneAtATime(() => {
    const run = Promise.withResolvers<void>();
    runs.push(run);
    return run.promise;
  });
  return { runs, work };
}

test("runs at once when nothing runs", async () => {
  const { runs, work } = slowWork();
  for (const count of [1, 2]) {
    const done = work();
    expect(runs).toHaveLength(count);
    runs.at(-1)!.resolve();
    await done;
  }
});

test("all who ask while it runs share the one run after it", async () => {
  const { runs, work } = slowWork();
  const first = work();
  const later = [work(), work(), work()];
  expect(runs).toHaveLength(1);
  runs[0]!.resolve();
  await first;
  await expect.poll(() => runs.length).toBe(2);
  // Asked for while the second runs: a third.
  const last = work();
  runs[1]!.resolve();
  await Promise.all(later);
  await expect.poll(() => runs.length).toBe(3);
  runs[2]!.resolve();
  await last;
});

test("a failure is told to whoever asked for that run, and the next run comes all the same", async () => {
  const { runs, work } = slowWork();
  const first = work();
  const second = work();
  runs[0]!.reject(new Error("first"));
  await expect(first).rejects.toThrow("first");
  await expect.poll(() => runs.length).toBe(2);
  runs[1]!.resolve();
  await second;
});

test("who asks the moment a run has ended does not overtake the run that waits", async () => {
  const { runs, work } = slowWork();
  const asked = work().then(() => work());
  const waiting = work();
  runs[0]!.resolve();
  await expect.poll(() => runs.length).toBe(2);
  runs[1]!.resolve();
  await Promise.all([asked, waiting]);
  expect(runs).toHaveLength(2);
});
