import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { until } from "../waiting.ts";

/** R13: a connection that died without a word is noticed within the configured bound. */
export const halfOpenTests: readonly RuleTest[] = [
  {
    rule: "R13",
    title: "a watch notices that its connection is dead, and recovers",
    async run(context) {
      const { bed, timing } = context;
      await context.put(context.node("node-1"));
      const view = await context.view();
      await context.shows(view, ["node-1"]);
      const { nodes } = view;
      bed.faults.halfOpen();
      await until("a stale snapshot", timing.noticeMs, () => view.snapshot.state === "stale");
      assert.equal(view.nodes, nodes);
      assert.ok(view.snapshot.cause?.retryable === true);
      bed.faults.restore();
      await context.put(context.node("node-2"));
      await until("a fresh snapshot", timing.noticeMs + timing.propagationMs, () => {
        return view.snapshot.state === "fresh" && view.nodes.length === 2;
      });
    },
  },
  {
    rule: "R13",
    title: "a registration leaves a dead connection behind",
    async run(context) {
      const { bed, timing } = context;
      const registration = await context.register(context.connect(), context.node("node-1"));
      bed.faults.halfOpen();
      await until(
        "the loss to be told",
        timing.expiryMs,
        () => registration.state.phase === "lost",
      );
      bed.faults.restore();
      await until("the record and its registration", timing.expiryMs, async () => {
        return registration.state.phase === "registered" && (await context.isStored("node-1"));
      });
    },
  },
];
