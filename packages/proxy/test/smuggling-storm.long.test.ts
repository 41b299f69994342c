import { test } from "vitest";

import { storm } from "./smuggling/storm.ts";

test("100 000 mutated requests on the wire", async () => {
  for (let seed = 100; seed < 120; seed += 1) await storm(5_000, seed);
});
