import assert from "node:assert/strict";

import { test } from "vitest";

import { answerStorm } from "./smuggling/answer-storm.ts";
import { storm } from "./smuggling/storm.ts";

test("2 000 mutated requests on the wire: the node is sent whole requests with one reading", async () => {
  const { arrived, answers } = await storm(2_000, 2);
  assert.ok(arrived > 500);
  assert.ok((answers.get("200") ?? 0) > 500);
  assert.ok((answers.get("400") ?? 0) > 500);
  assert.equal(answers.get("500"), undefined);
  assert.equal(answers.get("502"), undefined);
}, 300_000);

test("2 000 mutated answers on the wire: clients get whole ones with one reading, or know better", async () => {
  const { passed, refused, broken } = await answerStorm(2_000, 4);
  assert.ok(passed > 500);
  assert.ok(refused > 500);
  assert.ok(broken > 20);
}, 300_000);
