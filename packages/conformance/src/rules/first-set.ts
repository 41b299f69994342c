import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { idsOf } from "../test-context.ts";
import { throughout, until, within } from "../waiting.ts";

/** R1: the first node set is whole and arrives as soon as the backend answers, also when empty. */
export const firstSetTests: readonly RuleTest[] = [
  {
    rule: "R1",
    title: "a service nobody registered has an empty first set",
    async run(context) {
      const { nodes } = await context.firstSet(context.connect());
      assert.deepEqual(nodes, []);
    },
  },
  {
    rule: "R1",
    title: "the first set is whole",
    async run(context) {
      const nodes = Array.from({ length: 25 }, (_, index) => context.node(`node-${index}`));
      await context.put(...nodes);
      const reader = context.connect();
      await context.seen(
        "the backend to have all records",
        async () => (await context.read(reader)).length === nodes.length,
      );
      const first = await context.firstSet(context.connect());
      assert.deepEqual(idsOf(first.nodes), nodes.map(({ id }) => id).sort());
    },
  },
  {
    rule: "R1",
    title: "a backend that does not answer yet is pending, not empty",
    async run(context) {
      const { bed, timing } = context;
      await context.put(context.node("node-1"));
      bed.faults.stall();
      const view = context.discovery().service(context.service);
      await until("an attempt to watch", timing.propagationMs, () => bed.activity.started > 0);
      await throughout(100, () => assert.equal(view.snapshot.state, "pending"));
      bed.faults.restore();
      await within("the first snapshot", timing.propagationMs + timing.noticeMs, view.ready());
      assert.deepEqual(idsOf(view.nodes), ["node-1"]);
      assert.equal(view.snapshot.state, "fresh");
    },
  },
];
