import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { describe, test } from "vitest";

import { memorySubject } from "../src/memory-subject.ts";
import { ruleIds } from "../src/rule-id.ts";
import type { Subject } from "../src/subject.ts";
import { type CollectedTest, collect } from "./collecting-runner.ts";

const memory = memorySubject();

describe("the suite", () => {
  test("names every test by its rule, and has one or more for each", () => {
    const [declaration, ...tests] = collect({ ...memory, long: true });
    assert.equal(declaration?.name, "the subject is as it declares itself");
    const rules = new Set(tests.map(({ name }) => /^R\d+(?= \S)/.exec(name)?.[0]));
    assert.deepEqual([...rules], [...ruleIds]);
    const names = tests.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, "names are unique");
  });

  test("has the rules of docs/contract.md", async () => {
    const url = new URL("../../../docs/contract.md", import.meta.url);
    const [, rules = ""] = (await readFile(url, "utf8")).split(/^## Rules$/m);
    const section = rules.split(/^## /m)[0] ?? "";
    const documented = [...section.matchAll(/^\| *(R\d+) *\|/gm)].map(([, rule]) => rule);
    assert.deepEqual(documented, [...ruleIds]);
  });

  test("runs only the rules a subject asks for", () => {
    const tests = collect({ ...memory, rules: ["R1", "R18"] }).slice(1);
    const rules = new Set(tests.map(({ name }) => name.split(" ")[0]));
    assert.deepEqual([...rules], ["R1", "R18"]);
  });

  test("fails an exception that is not used", async () => {
    const exception = find({ ...memory, traits: withCannot({ R8: "we thought so" }) }, "R8 cannot");
    assert.equal(exception.name, "R8 cannot be kept: we thought so");
    await assert.rejects(exception.body(), /every test of R8 passes: remove R8/);
  });

  test("passes an exception that is used", async () => {
    await find(memory, "R13 cannot be kept").body();
  });

  test("fails an exception for a rule that does not exist", async () => {
    await fails({ ...memory, traits: withCannot({ R21: "?" }) }, /unknown rule R21/);
  });

  test("fails traits that are not those of the registries", async () => {
    await fails({ ...memory, traits: { ...memory.traits, returnMs: 1 } }, /traits are not/);
  });

  test("shows what a subject lacks, with the reason", () => {
    const test = find(
      { ...memory, lacks: { ...memory.lacks, wipe: "no way in" } },
      "R4 comes back each",
    );
    assert.ok(test.skipped);
    assert.match(test.name, /\(lacks wipe: no way in\)$/);
  });

  test("fails a lack without a reason, and a reason without a lack", async () => {
    await fails({ ...memory, lacks: { tokens: "none" } }, /does not offer link: .*subject\.lacks/);
    await fails(
      { ...memory, lacks: { ...memory.lacks, wipe: "?" } },
      /lacks\.wipe is given, but the bed offers it/,
    );
  });

  test("runs under node:test", async () => {
    const file = fileURLToPath(new URL("./node-test/memory.ts", import.meta.url));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--test", "--test-reporter=tap", file],
      { env },
    );
    const tests = collect({ ...memory, rules: ["R1", "R8", "R13", "R18"] });
    const count = (skipped: boolean): number =>
      tests.filter((test) => test.skipped === skipped).length;
    assert.match(stdout, new RegExp(`^# pass ${count(false)}$`, "m"));
    assert.match(stdout, new RegExp(`^# skipped ${count(true)}$`, "m"));
    assert.match(stdout, /ok \d+ - R18 wrong credentials are AUTH/);
  });
});

function find(subject: Subject, start: string): CollectedTest {
  const found = collect(subject).find(({ name }) => name.startsWith(start));
  assert.ok(found !== undefined, `no test ${start}`);
  return found;
}

async function fails(subject: Subject, message: RegExp): Promise<void> {
  await assert.rejects(find(subject, "the subject is as").body(), { message });
}

function withCannot(cannot: Readonly<Record<string, string>>): Subject["traits"] {
  return { ...memory.traits, cannot };
}
