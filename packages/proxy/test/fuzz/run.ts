import assert from "node:assert/strict";

import { requests, responses } from "./corpus.ts";
import { mutated } from "./mutation.ts";
import { Random } from "./random.ts";
import { RequestCheck } from "./request-check.ts";
import { ResponseCheck } from "./response-check.ts";
import { stricterRequests, stricterResponses } from "./stricter.ts";
import type { Tally } from "./tally.ts";

/** Checks so many requests; the same ones for the same seed. */
export function fuzzRequests(cases: number, seed: number): Tally {
  return fuzz(new RequestCheck(), requests, stricterRequests, cases, seed);
}

/** Checks so many answers; the same ones for the same seed. */
export function fuzzResponses(cases: number, seed: number): Tally {
  return fuzz(new ResponseCheck(), responses, stricterResponses, cases, seed);
}

function fuzz(
  checker: RequestCheck | ResponseCheck,
  corpus: readonly string[],
  stricter: Readonly<Record<string, string>>,
  cases: number,
  seed: number,
): Tally {
  const random = new Random(seed);
  for (let index = 0; index < cases; index += 1) {
    const text = index < corpus.length ? corpus[index]! : mutated(corpus, random);
    try {
      checker.check(text, random);
    } catch (error) {
      throw new Error(`case ${index} of seed ${seed}: ${JSON.stringify(text)}`, { cause: error });
    }
  }
  const { tally } = checker;
  const unknown = [...tally.stricter.keys()].filter((name) => !(name in stricter));
  assert.deepEqual(unknown, [], "ours is stricter in ways that nobody wrote down");
  return tally;
}
