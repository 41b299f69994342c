import assert from "node:assert/strict";

import { test } from "vitest";

import { DiskCopy } from "../src/disk-copy.ts";
import type { DiskStore, StoredSet } from "../src/disk-store.ts";
import type { ServiceNode } from "../src/node.ts";
import { manualClock, settle } from "./manual-clock.ts";
import { nodes } from "./scripted-registry.ts";

/** A disk whose every access ends when the test says so. */
function slowDisk() {
  const clock = manualClock();
  const writes: { readonly count: number; end(error?: Error): Promise<void> }[] = [];
  const reading = Promise.withResolvers<StoredSet | undefined>();
  const store = {
    load: () => reading.promise,
    save(_query: unknown, saved: readonly ServiceNode[]) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      writes.push({
        count: saved.length,
        async end(error) {
          if (error === undefined) resolve();
          else reject(error);
          await settle();
        },
      });
      return promise;
    },
  } as unknown as DiskStore;
  const query = { service: "orders" };
  const copy = new DiskCopy({
    store,
    query,
    registry: "scripted",
    clock,
    delayMs: 200,
    maxAgeMs: Infinity,
  });
  const counts = (): string => writes.map(({ count }) => count).join();
  return { clock, writes, reading, copy, counts };
}

test("a set that comes back while another is being written is written after it", async () => {
  const { clock, writes, copy, counts } = slowDisk();
  const [a, b] = [nodes(0, 1), nodes(0, 2)];
  copy.save(a);
  await writes[0]?.end();
  await clock.advance(250);
  copy.save(b);
  copy.save(a);
  assert.equal(counts(), "1,2");
  await writes[1]?.end();
  await clock.advance(250);
  assert.equal(counts(), "1,2,1");
  await writes[2]?.end();
  copy.save(a);
  await clock.advance(60_000);
  assert.equal(counts(), "1,2,1", "what is there is not written again");
  assert.equal(clock.timers, 0);
});

test("a failed write is tried again, slowly, with the newest set", async () => {
  const { clock, writes, copy, counts } = slowDisk();
  copy.save(nodes(0, 1));
  await writes[0]?.end(new Error("full"));
  copy.save(nodes(0, 2));
  await clock.advance(29_999);
  assert.equal(counts(), "1");
  await clock.advance(1);
  assert.equal(counts(), "1,2");
  await writes[1]?.end(new Error("still full"));
  await clock.advance(30_000);
  assert.equal(counts(), "1,2,2");
  await writes[2]?.end();
  await clock.advance(600_000);
  assert.equal(counts(), "1,2,2");
});

test("closing waits for the write under way, writes what is newer, and leaves no timer", async () => {
  const { clock, writes, copy, counts } = slowDisk();
  copy.save(nodes(0, 1));
  copy.save(nodes(0, 2));
  let closed = false;
  const closing = copy.close().then(() => (closed = true));
  await settle();
  assert.equal(closed, false);
  await writes[0]?.end();
  assert.equal(counts(), "1,2");
  await writes[1]?.end(new Error("full"));
  await closing;
  assert.equal(clock.timers, 0);
});

test("a copy that is read too late is not shown any more", async () => {
  const { clock, reading, copy } = slowDisk();
  const shown: StoredSet[] = [];
  copy.load((stored) => void shown.push(stored));
  await clock.advance(200);
  assert.ok(copy.needed());
  copy.save(nodes(0, 1));
  assert.equal(copy.needed(), undefined);
  reading.resolve({ nodes: nodes(0, 9), savedAt: 1 });
  await settle();
  assert.deepEqual(shown, []);
});

test("a copy is shown once, whoever asks for it", async () => {
  const { clock, reading, copy } = slowDisk();
  const shown: StoredSet[] = [];
  copy.load((stored) => void shown.push(stored));
  const [first, second] = [copy.needed(), copy.needed()];
  await clock.advance(200);
  reading.resolve({ nodes: nodes(0, 9), savedAt: 1 });
  await Promise.all([first, second]);
  await settle();
  assert.equal(shown.length, 1);
  assert.equal(copy.needed(), undefined);
  await copy.close();
  assert.equal(clock.timers, 0);
});
