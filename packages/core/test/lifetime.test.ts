import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { test } from "vitest";

import { temporaryDirectory } from "./temporary-directory.ts";

const child = join(import.meta.dirname, "lifetime.child.ts");

const scenes: Readonly<Record<string, string>> = {
  "disposed after use": "1\nend\n",
  "disposed while the registry is silent":
    "memory: await orders failed: the view is disposed\nmemory: use failed: the registry is disposed\nend\n",
  "disposed in backoff": "UNAVAILABLE\nend\n",
  "never disposed, waits and timers only": "pending\nend\n",
  "somebody waits, so it lives on": "2\nend\n",
};

for (const [scene, expected] of Object.entries(scenes)) {
  test(`a process exits by itself: ${scene}`, { timeout: 60_000 }, () => {
    using directory = temporaryDirectory();
    const result = spawnSync(process.execPath, [child, scene, directory.path], {
      encoding: "utf8",
      timeout: 50_000,
    });
    assert.equal(result.stdout, expected, result.stderr);
    assert.equal(result.signal, null);
    assert.equal(result.status, 0, result.stderr);
  });
}
