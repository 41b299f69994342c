import { test } from "vitest";

import { fuzzRequests, fuzzResponses } from "./fuzz/run.ts";
import type { Tally } from "./fuzz/tally.ts";

// As fuzz.test.ts, with ten million cases. Each round has a seed of its own, so that one can be run again.

const rounds = 20;
const cases = 250_000;

test.each([
  ["requests", fuzzRequests],
  ["answers", fuzzResponses],
])("five million %s", async (name, fuzz) => {
  const tallies: Tally[] = [];
  for (let round = 0; round < rounds; round += 1) {
    tallies.push(fuzz(cases, 1_000 + round));
    // The worker has to answer its parent now and then.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [total, ...others] = tallies;
  for (const tally of others) total!.add(tally);
  process.stdout.write(total!.report(name));
});
