import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, test } from "vitest";

import { DiskStore } from "../src/disk-store.ts";
import { DiscoveryError, type ErrorCode } from "../src/error.ts";
import { node, nodes } from "./scripted-registry.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const query = { service: "orders" };
const identity = { name: "scripted", identity: "scripted:a" };
const savedAt = 1_700_000_000_000;

const isCode =
  (code: ErrorCode, reason = /./) =>
  (error: unknown): boolean =>
    error instanceof DiscoveryError && error.code === code && reason.test(error.reason);

test("what was saved is loaded, with every field", async () => {
  using directory = temporaryDirectory();
  const store = new DiskStore(join(directory.path, "made", "on", "the", "way"), identity);
  const set = [
    node(1),
    node(2, {
      host: "2001:db8::1",
      secure: true,
      hostname: "orders.example",
      weight: 0.5,
      priority: -3,
      status: "draining",
      zone: "z ü",
      metadata: JSON.parse('{"__proto__":"x","":"","ключ":"日本\\u0000"}') as Record<
        string,
        string
      >,
    }),
  ];
  assert.equal(await store.load(query), undefined);
  await store.save(query, set, savedAt);
  assert.deepEqual(await store.load(query), { nodes: set, savedAt });
  assert.equal(statSync(store.fileOf(query)).mode & 0o777, 0o600);
  assert.equal(statSync(join(directory.path, "made", "on", "the", "way")).mode & 0o777, 0o700);
  await store.save(query, [], savedAt + 1);
  assert.deepEqual(await store.load(query), { nodes: [], savedAt: savedAt + 1 });
  assert.equal(readdirSync(join(directory.path, "made", "on", "the", "way")).length, 1);
});

test("every identity and query has its own file", async () => {
  using directory = temporaryDirectory();
  const store = new DiskStore(directory.path, identity);
  const other = new DiskStore(directory.path, { ...identity, identity: "scripted:b" });
  const files = [
    store.fileOf(query),
    other.fileOf(query),
    store.fileOf({ service: "Orders" }),
    store.fileOf({ service: "orders", scope: { group: "g" } }),
    store.fileOf({ service: "../../etc/passwd" }),
  ];
  assert.equal(new Set(files).size, files.length);
  for (const file of files) assert.equal(join(directory.path, file.slice(-49)), file);
  assert.equal(
    store.fileOf({ service: "a", scope: { group: "g", namespace: "n" } }),
    store.fileOf({ service: "a", scope: { namespace: "n", group: "g" } }),
  );
});

describe("what is not ours is refused", () => {
  async function saved(path: string): Promise<DiskStore> {
    const store = new DiskStore(path, identity);
    await store.save(query, nodes(0, 3), savedAt);
    return store;
  }

  test("any single flipped bit", async () => {
    using directory = temporaryDirectory();
    const store = await saved(directory.path);
    const file = store.fileOf(query);
    const good = readFileSync(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length * 8 - 1), async (bit) => {
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        writeFileSync(file, bad);
        await assert.rejects(store.load(query), isCode("RECORD"), `bit ${bit}`);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a file cut anywhere, or with something behind it", async () => {
    using directory = temporaryDirectory();
    const store = await saved(directory.path);
    const file = store.fileOf(query);
    const good = readFileSync(file);
    for (let length = 0; length < good.length; length += 7) {
      truncateSync(file, length);
      await assert.rejects(store.load(query), isCode("RECORD"), `${length} bytes`);
      writeFileSync(file, good);
    }
    writeFileSync(file, Buffer.concat([good, Buffer.from(" ")]));
    await assert.rejects(store.load(query), isCode("RECORD", /checksum/));
    writeFileSync(file, Buffer.alloc(good.length));
    await assert.rejects(store.load(query), isCode("RECORD"));
  });

  test("foreign files", async () => {
    using directory = temporaryDirectory();
    const store = await saved(directory.path);
    const file = store.fileOf(query);
    for (const content of ["", "\n", "null\n[]", "[]\n[]", '"x"\n', "{}\n[]", "#!/bin/sh\n"]) {
      writeFileSync(file, content);
      await assert.rejects(store.load(query), isCode("RECORD", /not a snapshot/), content);
    }
  });

  test("another registry's or query's file, and another schema", async () => {
    using directory = temporaryDirectory();
    const store = await saved(directory.path);
    const good = readFileSync(store.fileOf(query));
    const elsewhere = { service: "payments" };
    writeFileSync(store.fileOf(elsewhere), good);
    await assert.rejects(store.load(elsewhere), isCode("RECORD", /another registry or query/));
    const other = new DiskStore(directory.path, { ...identity, identity: "scripted:b" });
    writeFileSync(other.fileOf(query), good);
    await assert.rejects(other.load(query), isCode("RECORD", /another registry or query/));
    writeFileSync(store.fileOf(query), good.toString().replace('"schema":1', '"schema":2'));
    await assert.rejects(store.load(query), isCode("RECORD", /schema/));
  });

  test("a directory, a pipe and a file beyond all bounds", async () => {
    using directory = temporaryDirectory();
    const store = new DiskStore(directory.path, identity);
    mkdirSync(store.fileOf({ service: "a" }));
    await assert.rejects(store.load({ service: "a" }), isCode("RECORD", /not a file/));
    await assert.rejects(store.save({ service: "a" }, [], savedAt), isCode("UNAVAILABLE"));
    execFileSync("mkfifo", [store.fileOf({ service: "b" })]);
    await assert.rejects(store.load({ service: "b" }), isCode("RECORD", /not a file/));
    writeFileSync(store.fileOf({ service: "c" }), "");
    truncateSync(store.fileOf({ service: "c" }), 256 * 1024 * 1024 + 1);
    await assert.rejects(store.load({ service: "c" }), isCode("RECORD", /larger/));
  });
});

describe("a disk that does not play along", () => {
  test("a path that cannot be made", async () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, "file"), "");
    const store = new DiskStore(join(directory.path, "file", "below"), identity);
    await assert.rejects(store.save(query, [], savedAt), isCode("UNAVAILABLE", /ENOTDIR|EEXIST/));
    await assert.rejects(store.load(query), isCode("UNAVAILABLE", /ENOTDIR/));
  });

  // Root may write anywhere; the kernel's own trees refuse even root.
  test("a directory that may not be written", async () => {
    using directory = temporaryDirectory();
    chmodSync(directory.path, 0o500);
    const path = process.getuid?.() === 0 ? "/proc/self/fdinfo" : directory.path;
    const store = new DiskStore(path, identity);
    await assert.rejects(
      store.save(query, [], savedAt),
      isCode("UNAVAILABLE", /EACCES|EPERM|ENOENT|EROFS/),
    );
    assert.equal(await store.load(query), undefined);
  });

  test("it is tried anew once the trouble is over", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "later");
    writeFileSync(path, "");
    const store = new DiskStore(path, identity);
    await assert.rejects(store.save(query, [], savedAt));
    execFileSync("rm", [path]);
    await store.save(query, nodes(0, 1), savedAt);
    assert.equal((await store.load(query))?.nodes.length, 1);
  });

  test("leftovers of killed writers are swept, young and foreign files are not", async () => {
    using directory = temporaryDirectory();
    const store = new DiskStore(directory.path, identity);
    const target = store.fileOf(query);
    const [old, young] = [`${target}.1-aaaa.tmp`, `${target}.2-bbbb.tmp`];
    const foreign = join(directory.path, "notes.tmp");
    const hourAgo = Date.now() / 1_000 - 3_600;
    for (const file of [old, young, foreign]) writeFileSync(file, "x");
    for (const file of [old, foreign]) utimesSync(file, hourAgo, hourAgo);
    await store.save(query, [], savedAt);
    assert.deepEqual([old, young, foreign, target].map(existsSync), [false, true, true, true]);
  });

  test("a node that this version's bounds refuse is left out alone", async () => {
    using directory = temporaryDirectory();
    const store = new DiskStore(directory.path, identity);
    const wide = { ...node(2), port: 70_000 };
    await store.save(query, [node(1), wide, node(3)], savedAt);
    assert.deepEqual(
      (await store.load(query))?.nodes.map(({ id }) => id),
      ["n1", "n3"],
    );
  });
});
