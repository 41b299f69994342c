import { test } from "vitest";

import { answerStorm } from "./smuggling/answer-storm.ts";
import { storm } from "./smuggling/storm.ts";

test("100 000 mutated requests on the wire", async () => {
  for (let seed = 100; seed < 120; seed += 1) await storm(5_000, seed);
});

test("100 000 mutated answers on the wire", async () => {
  for (let seed = 100; seed < 120; seed += 1) await answerStorm(5_000, seed);
});
