import assert from "node:assert/strict";

import { heapBytes } from "../heap.ts";
import type { RuleTest } from "../rule.ts";
import { nodeOf, type TestContext } from "../test-context.ts";
import { within } from "../waiting.ts";

const updates = 30;

/** R10: a slow consumer gets the newest, and nothing piles up. */
export const slowConsumerTests: readonly RuleTest[] = [
  {
    rule: "R10",
    title: "a watch that is read late yields the newest set, not a backlog",
    async run(context) {
      const { service, timing } = context;
      const registry = context.connect();
      await context.put(context.node("node-1", { port: 20_000, metadata: { n: "0" } }));
      const stop = new AbortController();
      context.atEnd(() => stop.abort(new Error("the test is over")));
      const iterator = registry.watch({ service }, stop.signal)[Symbol.asyncIterator]();
      await within("the first set", timing.propagationMs, iterator.next());
      await putMany(context);
      const reader = context.connect();
      await context.seen("the last update", async () => {
        return nodeOf(await context.read(reader), "node-1").metadata["n"] === String(updates);
      });
      let newest: string | undefined;
      // One set may have been under way when the reader paused.
      for (let taken = 0; taken < 3 && newest !== String(updates); taken += 1) {
        const next = await within("the next set", timing.propagationMs, iterator.next());
        assert.ok(next.done !== true);
        newest = nodeOf(next.value.nodes, "node-1").metadata["n"];
      }
      assert.equal(newest, String(updates), "the newest within three sets");
    },
  },
  {
    rule: "R10",
    title: "a view that is read late yields the newest snapshot",
    async run(context) {
      await context.put(context.node("node-1", { port: 20_000, metadata: { n: "0" } }));
      const view = await context.view();
      const iterator = view[Symbol.asyncIterator]();
      await iterator.next();
      await putMany(context);
      await context.seen("the last update", () => {
        return nodeOf(view.nodes, "node-1").metadata["n"] === String(updates);
      });
      const next = await iterator.next();
      assert.equal(next.value, view.snapshot);
    },
  },
  {
    rule: "R10",
    title: "10⁵ updates with a stalled consumer take constant memory",
    long: true,
    async run(context) {
      const view = await context.view();
      const iterator = view[Symbol.asyncIterator]();
      await iterator.next();
      await cycles(context, 1_000);
      const before = await heapBytes();
      await cycles(context, 100_000);
      const grownBytes = (await heapBytes()) - before;
      assert.ok(grownBytes < 8_388_608, `the heap grew by ${grownBytes} bytes`);
    },
  },
];

async function putMany(context: TestContext): Promise<void> {
  for (let n = 1; n <= updates; n += 1) {
    await context.put(context.node("node-1", { port: 20_000, metadata: { n: String(n) } }));
  }
}

async function cycles(context: TestContext, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await context.put(context.node("node-1", { port: 20_000, metadata: { n: String(n) } }));
  }
}
