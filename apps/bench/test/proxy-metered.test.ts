import { expect, it } from "vitest";

import type { Subject } from "../src/proxy/load.ts";
import { metered } from "../src/proxy/metered.ts";

/** A proxy that has used 1 ms more of CPU, and its core 3 ms, at each look. */
function subject(): Subject {
  let cpuUs = 0;
  let busyUs = 0;
  const meter = {
    cpuUs: () => (cpuUs += 1_000),
    coreBusyUs: () => (busyUs += 3_000),
    residentBytes: () => 5_000_000,
  };
  return { origin: "http://127.0.0.1:1", port: 1, meter: meter as unknown as Subject["meter"] };
}

const counts = { requests: 100, errors: 0, seconds: 2, p50Us: 700, p99Us: 900 };

it("a turn is what the load generator counted over what the proxy spent", async () => {
  const sample = await metered(subject(), () => Promise.resolve(counts));
  expect(sample).toMatchObject({
    cpuUs: 10,
    requestsPerSecond: 50,
    p50Us: 700,
    p99Us: 900,
    residentBytes: 5_000_000,
    errors: 0,
  });
  expect(sample.foreignShare).toBeGreaterThan(0);
});

it("a turn without one good answer is none", async () => {
  for (const bad of [
    { ...counts, requests: 0 },
    { ...counts, errors: 100 },
  ]) {
    await expect(metered(subject(), () => Promise.resolve(bad))).rejects.toThrow("no good answer");
  }
});
