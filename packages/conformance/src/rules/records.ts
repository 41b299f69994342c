import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { idsOf } from "../test-context.ts";

/** R8: one bad record is reported; the good ones are served. */
export const recordTests: readonly RuleTest[] = [
  {
    rule: "R8",
    title: "a record that is no node is reported beside the good ones",
    async run(context) {
      const { bed } = context;
      await context.put(context.node("node-1"));
      await bed.raw.putGarbage(context.service);
      await context.put(context.node("node-2"));
      const view = await context.view();
      await context.shows(view, ["node-1", "node-2"]);
      const [rejected] = view.snapshot.rejected;
      assert.ok(rejected !== undefined, "the bad record is reported");
      assert.equal(rejected.error.code, "RECORD");
      assert.ok(rejected.key.length > 0, "it is named");
      const read = await context
        .connect()
        .read({ service: context.service }, AbortSignal.timeout(context.timing.propagationMs));
      assert.deepEqual(idsOf(read.nodes), ["node-1", "node-2"]);
      assert.equal(read.rejected?.length, view.snapshot.rejected.length);
    },
  },
  {
    rule: "R8",
    title: "a bad record that appears later harms nobody",
    async run(context) {
      await context.put(context.node("node-1"));
      const view = await context.view();
      await context.shows(view, ["node-1"]);
      const seen = context.record(view);
      await context.bed.raw.putGarbage(context.service);
      await context.seen("the report", () => view.snapshot.rejected.length > 0);
      await context.put(context.node("node-2"));
      await context.shows(view, ["node-1", "node-2"]);
      for (const { state, nodes } of seen) {
        assert.equal(state, "fresh");
        assert.ok(nodes.length > 0);
      }
    },
  },
];
