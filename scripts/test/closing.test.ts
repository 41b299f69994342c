import assert from "node:assert/strict";
import { test } from "vitest";
import { checksOf } from "../lib/checks.mjs";
import { closingLine, registryTable, sum } from "../lib/closing.mjs";
import { versionOf } from "../lib/pnpm.mjs";

test("the closing line adds everything up", () => {
  const total = sum([
    { passed: 2, failed: 0, skipped: 1 },
    { passed: 0, failed: 1, skipped: 0 },
  ]);
  assert.equal(closingLine(total), "2 passed, 1 failed, 1 skipped");
  assert.equal(closingLine(sum([])), "0 passed, 0 failed, 0 skipped");
});

test("the table tells of each registry the version met, or the reason in one line", () => {
  const lines = registryTable([
    { registry: "eureka", version: "2.0.5" },
    { registry: "zookeeper", reason: "mvn failed:\n  no network" },
  ]);
  assert.deepEqual(lines, [
    "registry  | version met",
    "eureka    | 2.0.5",
    "zookeeper | NOT MET: mvn failed: no network",
  ]);
});

test("the speed is a check of the whole run, where it is asked for", () => {
  assert.deepEqual(checksOf("all", {}).rest, []);
  assert.deepEqual(checksOf("all", { ROLLCALL_GATE: "" }).rest, []);
  assert.deepEqual(checksOf("quick", { ROLLCALL_GATE: "1" }).rest, []);
  const [speed] = checksOf("all", { ROLLCALL_GATE: "1" }).rest;
  assert.deepEqual(
    ["gate, block 1: 1.10 x nginx: passed", "", "gate, block 2"].join("\n").match(speed!.shows!),
    ["gate, block 1: 1.10 x nginx: passed", "gate, block 2"],
  );
});

test("only the whole run needs servers, only the long one soaks", () => {
  assert.deepEqual(checksOf("all").projects, ["quick", "real"]);
  assert.deepEqual(checksOf("quick").projects, ["quick"]);
  assert.deepEqual(checksOf("quick").house, checksOf("all").house);
  assert.deepEqual(checksOf("long").projects, ["long"]);
});

test("the package manager's version is read with or without its hash", () => {
  assert.equal(versionOf("pnpm@12.18.0"), "12.18.0");
  assert.equal(versionOf("pnpm@12.18.0+sha512.abc"), "12.18.0");
  assert.throws(() => versionOf("yarn@4.0.0"), /packageManager must be pnpm@x\.y\.z/);
  assert.throws(() => versionOf(undefined), /packageManager/);
});
