import assert from "node:assert/strict";

import { test } from "vitest";

import { fuzzRequests, fuzzResponses } from "./fuzz/run.ts";

// Ours against llhttp: each case is read by both, cut wherever it can be, and forwarded. See fuzz/stricter.ts
// for where the two may differ.

test("110 000 requests mean to us what they mean to llhttp, or are refused", async ({
  annotate,
}) => {
  const tally = fuzzRequests(110_000, 1);
  await annotate(tally.report("requests"));
  assert.ok((tally.agreements.get("both accept") ?? 0) > 30_000);
}, 300_000);

test("90 000 answers mean to us what they mean to llhttp, or are refused", async ({ annotate }) => {
  const tally = fuzzResponses(90_000, 2);
  await annotate(tally.report("answers"));
  assert.ok((tally.agreements.get("both accept") ?? 0) > 30_000);
}, 300_000);
