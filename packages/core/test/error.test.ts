import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { test } from "vitest";

import { asDiscoveryError, DiscoveryError, errorCodes } from "../src/error.ts";

const where = { registry: "etcd", operation: "range /rollcall/orders" };

test("the message names registry, operation and reason", () => {
  const cause = new Error("below");
  const error = new DiscoveryError({ code: "TIMEOUT", ...where, reason: "no answer", cause });
  assert.equal(error.message, "etcd: range /rollcall/orders failed: no answer");
  assert.equal(error.name, "DiscoveryError");
  assert.equal(error.cause, cause);
  assert.ok(error instanceof Error);
  assert.ok(!("cause" in new DiscoveryError({ code: "TIMEOUT", ...where, reason: "x" })));
});

test("only what may pass by itself is retryable", () => {
  const retryable = errorCodes.filter(
    (code) => new DiscoveryError({ code, ...where, reason: "x" }).retryable,
  );
  assert.deepEqual(retryable, ["UNAVAILABLE", "TIMEOUT", "PROTOCOL"]);
});

test("the errors page has every code, in this order", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8");
  const [, table = ""] = page.split("## `DiscoveryError.code`");
  const rows = [...table.matchAll(/^\| `([A-Z]+)`\s+\|.*\| (yes|no)\s*\|$/gm)];
  assert.deepEqual(
    rows.slice(0, errorCodes.length).map(([, code]) => code),
    errorCodes,
  );
});

test("foreign values take the shape, and none of their text", () => {
  const known = new DiscoveryError({ code: "AUTH", ...where, reason: "x" });
  assert.equal(asDiscoveryError(known, where), known);
  for (const thrown of [new TypeError("secret"), "secret", null, undefined, { secret: 1 }]) {
    const error = asDiscoveryError(thrown, where);
    assert.equal(error.code, "PROTOCOL");
    assert.doesNotMatch(error.message, /secret/);
    assert.equal(error.cause, thrown);
  }
});
