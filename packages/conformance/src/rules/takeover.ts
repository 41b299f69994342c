import assert from "node:assert/strict";

import { startChild } from "../child-process.ts";
import type { RuleTest } from "../rule.ts";
import { nodeOf } from "../test-context.ts";
import { throughout } from "../waiting.ts";

/** R7: a restarted process takes its old record over, and the old session's end takes nothing away. */
export const takeoverTests: readonly RuleTest[] = [
  {
    rule: "R7",
    title: "a second process with the same id takes the record over",
    async run(context) {
      const { timing } = context;
      const old = context.connect();
      await context.register(old, context.node("node-1", { metadata: { run: "1" } }));
      const reader = context.connect();
      const second = context.node("node-1", { metadata: { run: "2" } });
      const registration = await context.register(context.connect(), second);
      await old[Symbol.asyncDispose]();
      await throughout(timing.ttlMs * 2, async () => {
        assert.ok(await context.isStored("node-1"), "the record is there");
      });
      const node = nodeOf(await context.read(reader), "node-1");
      assert.equal(node.metadata["run"], "2");
      assert.equal(node.port, second.port);
      assert.equal(registration.state.phase, "registered");
    },
  },
  {
    rule: "R7",
    title: "a killed process is replaced, and the end of its lease takes nothing away",
    needs: ["child", "link"],
    async run(context) {
      const { timing } = context;
      const child = startChild(context);
      await child.register(context.node("node-1", { metadata: { run: "1" } }));
      await child.kill();
      const node = context.node("node-1", { metadata: { run: "2" } });
      const registration = await context.register(context.connect(), node);
      await throughout(timing.expiryMs, async () => {
        assert.ok(await context.isStored("node-1"), "the record is there");
        assert.equal(registration.state.phase, "registered");
      });
    },
  },
];
