import assert from "node:assert/strict";

import { memoryRegistry } from "@rollcall/core";
import { test } from "vitest";

import { renderTraitsTable } from "../src/traits-table.ts";

const { traits } = memoryRegistry();

test("a traits table has a row per rule and numbered reasons, each once", () => {
  const table = renderTraitsTable([
    { title: "one", traits: { ...traits, cannot: { R1: "slow | late", R2: "lazy" } } },
    { title: "two", traits: { ...traits, cannot: { R2: "lazy" }, keeps: ["id"] } },
  ]);
  const lines = table.split("\n");
  const cells = (start: string): string[] =>
    (lines.find((line) => line.startsWith(`| ${start} `)) ?? "").split("|").map((s) => s.trim());
  assert.deepEqual(cells("R1").slice(1, -1), ["R1", "no 1", "yes"]);
  assert.deepEqual(cells("R2").slice(1, -1), ["R2", "no 2", "no 2"]);
  assert.deepEqual(cells("R20").slice(1, -1), ["R20", "yes", "yes"]);
  assert.deepEqual(cells("delivery").slice(1, -1), ["delivery", "push", "push"]);
  assert.match(cells("does not keep")[3] ?? "", /^hostname, metadata, priority/);
  assert.deepEqual(lines.slice(-3), ["1. slow | late", "2. lazy", ""]);
  assert.equal(new Set(lines.slice(0, 25).map((line) => line.length)).size, 1, "columns align");
});

test("a table without exceptions has no notes", () => {
  assert.ok(renderTraitsTable([{ title: "x", traits: { ...traits, cannot: {} } }]).endsWith("|\n"));
});
