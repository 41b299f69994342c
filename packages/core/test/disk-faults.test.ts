import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, test } from "vitest";

import { DiskStore } from "../src/disk-store.ts";
import { nodes } from "./scripted-registry.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const query = { service: "orders" };
const identity = { name: "scripted", identity: "scripted:a" };
const writer = join(import.meta.dirname, "disk-writer.child.ts");

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return line.toString().trim();
}

test(
  "kill -9 while writing leaves the old set or the new one, whole",
  { timeout: 120_000 },
  async () => {
    using directory = temporaryDirectory();
    const store = new DiskStore(directory.path, identity);
    const generations: number[] = [];
    for (let kill = 0; kill < 25; kill += 1) {
      const child = spawn(process.execPath, [writer, directory.path, "400", String(kill)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      assert.equal(await firstLine(child), "saved");
      // Kills are spread over whatever the writer does: readers look on until then.
      for (let reads = 0; reads <= (kill * 7) % 19; reads += 1)
        generations.push(await whole(store));
      child.kill("SIGKILL");
      await exited;
      generations.push(await whole(store));
    }
    assert.ok(new Set(generations).size >= 25, "the writers wrote on");
    const leftovers = readdirSync(directory.path).filter((name) => name.endsWith(".tmp"));
    assert.ok(leftovers.length <= 25);
  },
);

async function whole(store: DiskStore): Promise<number> {
  const stored = await store.load(query);
  assert.ok(stored);
  assert.equal(stored.nodes.length, 400 + (stored.savedAt % 50));
  assert.ok(stored.nodes.every(({ weight }) => weight === stored.savedAt));
  return stored.savedAt;
}

describe("a full disk keeps the set of before, and says so", () => {
  async function fill(command: string, args: readonly string[], expected: RegExp): Promise<void> {
    using directory = temporaryDirectory();
    const store = new DiskStore(directory.path, identity);
    await store.save(query, nodes(0, 3), 7);
    const result = spawnSync(
      command,
      [...args, process.execPath, writer, directory.path, "20000"],
      {
        encoding: "utf8",
      },
    );
    assert.match(result.stdout, expected, result.stderr);
    assert.deepEqual(await store.load(query), { nodes: nodes(0, 3), savedAt: 7 });
    assert.equal(readdirSync(directory.path).length, 1, "no part of a file is left");
  }

  // A limit on the size of files needs no rights and fails in the middle of a write, as a full disk does.
  test("by a limit on file size", async () => {
    await fill("sh", ["-c", 'ulimit -f 200; exec "$@"', "sh"], /^EFBIG\n$/);
  });

  test("by a file system without room, where one may be mounted", async () => {
    const probe = spawnSync("unshare", ["-Urm", "sh", "-c", "mount -t tmpfs none /tmp"]);
    if (probe.status !== 0) return fill("sh", ["-c", 'ulimit -f 20; exec "$@"', "sh"], /^EFBIG\n$/);
    using outside = temporaryDirectory();
    using inside = temporaryDirectory();
    const store = new DiskStore(outside.path, identity);
    await store.save(query, nodes(0, 3), 7);
    // The small file system is seen by the child alone: its files are copied in before and out after.
    const script = `mount -t tmpfs -o size=256k none "$1" && cp "$2"/* "$1"/ &&
      "$3" "$4" "$1" 20000; rm "$2"/*; cp "$1"/* "$2"/`;
    const args = [inside.path, outside.path, process.execPath, writer];
    const result = spawnSync("unshare", ["-Urm", "sh", "-c", script, "sh", ...args], {
      encoding: "utf8",
    });
    assert.match(result.stdout, /^ENOSPC\n$/, result.stderr);
    assert.equal(readdirSync(outside.path).length, 1, "no part of a file is left");
    assert.deepEqual(await store.load(query), { nodes: nodes(0, 3), savedAt: 7 });
  });
});
