import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { describe, test } from "vitest";

/** Asks the benchmark itself; one that measured all the same would take much longer than this. */
function run(name: string, ...args: readonly string[]): ReturnType<typeof spawnSync> {
  const file = fileURLToPath(new URL(`../src/${name}.bench.ts`, import.meta.url));
  return spawnSync(process.execPath, [file, ...args], { encoding: "utf8", timeout: 20_000 });
}

describe.each(["change", "pick", "slow-consumer", "view"])("pnpm bench %s", (name) => {
  test.each(["--help", "-h"])("%s says what it measures, and measures nothing", (flag) => {
    const { status, stdout, stderr } = run(name, flag);
    assert.equal(status, 0, String(stderr));
    assert.match(String(stdout), new RegExp(`^pnpm bench ${name}, without flags: [^\\n]+\\n$`));
  });

  test("refuses flags, for it has none", () => {
    const { status, stdout, stderr } = run(name, "--seconds", "1");
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.equal(stderr, `pnpm bench ${name}: "--seconds" is not known; it has no flags\n`);
  });
});
