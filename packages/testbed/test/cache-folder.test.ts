import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test, vi } from "vitest";
import { cached } from "../src/cache-folder.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "rollcall cache "));
  vi.stubEnv("ROLLCALL_CACHE", root);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

test("is built once, also by several at a time", async () => {
  let builds = 0;
  const build = async (folder: string): Promise<void> => {
    builds += 1;
    await writeFile(join(folder, "jar"), "content");
  };
  const folders = await Promise.all([1, 2, 3].map(() => cached("server", "key", build)));
  assert.equal(builds, 1);
  assert.equal(new Set(folders).size, 1);
  assert.equal(await readFile(join(folders[0]!, "jar"), "utf8"), "content");
  assert.deepEqual(await readdir(root), ["server-key"]);
});

test("a failed build leaves nothing, and the next one works", async () => {
  const failing = cached("server", "key", async (folder) => {
    await writeFile(join(folder, "half"), "");
    throw new Error("no network");
  });
  await assert.rejects(failing, /no network/);
  assert.deepEqual(await readdir(root), []);
  await cached("server", "key", (folder) => writeFile(join(folder, "jar"), ""));
  assert.deepEqual(await readdir(root), ["server-key"]);
});

test("the lock of a process that is gone is broken", async () => {
  // Above the highest process id Linux gives.
  await writeFile(join(root, "server-key.lock"), "4194305");
  await cached("server", "key", (folder) => writeFile(join(folder, "jar"), ""));
  assert.deepEqual(await readdir(root), ["server-key"]);
});
