import assert from "node:assert/strict";
import { test } from "vitest";
import { until } from "../src/index.ts";

test("returns what the condition came to, falsy values of meaning included", async () => {
  let looks = 0;
  assert.equal(await until(() => (looks++ < 2 ? undefined : 0), { what: "zero", everyMs: 1 }), 0);
  assert.equal(await until(() => "", { what: "nothing" }), "");
});

test("a throw is a no, and the last one is told when time is up", async () => {
  let looks = 0;
  const value = await until(
    () => {
      looks += 1;
      if (looks < 3) throw new Error("not yet");
      return looks;
    },
    { what: "three looks", everyMs: 1 },
  );
  assert.equal(value, 3);
  await assert.rejects(
    until(
      () => {
        throw new Error("refused");
      },
      { what: "the node to appear", deadlineMs: 5, everyMs: 1 },
    ),
    (error: Error) =>
      error.message === "waited 5 ms in vain for the node to appear" &&
      (error.cause as Error).message === "refused",
  );
});
