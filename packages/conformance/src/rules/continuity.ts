import assert from "node:assert/strict";

import { diff } from "@rollcall/core";

import type { RuleTest } from "../rule.ts";
import { idsOf, type TestContext } from "../test-context.ts";
import { until } from "../waiting.ts";

/** R14: after any gap everything is read anew, and the difference is the true one. */
export const continuityTests: readonly RuleTest[] = [
  {
    rule: "R14",
    title: "what changed during a gap is in the next set",
    async run(context) {
      const { bed, timing } = context;
      await changesAcross(context, {
        before: async (isStale) => {
          bed.faults.refuse();
          await until("a stale snapshot", timing.noticeMs, isStale);
        },
        after: async () => bed.faults.restore(),
      });
    },
  },
  {
    rule: "R14",
    title: "a watch that lost its place reads everything anew",
    needs: ["reset"],
    async run(context) {
      await changesAcross(context, {
        before: async () => undefined,
        after: async () => context.bed.raw.reset?.(),
      });
    },
  },
  {
    rule: "R14",
    title: "a watch that lost its place during an outage reads everything anew",
    needs: ["reset"],
    async run(context) {
      const { bed, timing } = context;
      await changesAcross(context, {
        before: async (isStale) => {
          bed.faults.refuse();
          await until("a stale snapshot", timing.noticeMs, isStale);
        },
        after: async () => {
          await bed.raw.reset?.();
          bed.faults.restore();
        },
      });
    },
  },
];

async function changesAcross(
  context: TestContext,
  gap: {
    readonly before: (isStale: () => boolean) => Promise<void>;
    readonly after: () => Promise<void>;
  },
): Promise<void> {
  const { bed, service } = context;
  const kept = context.node("kept");
  const changed = context.node("changed", { metadata: { version: "1" } });
  await context.put(kept, changed, context.node("removed"));
  const view = await context.view();
  await context.shows(view, ["changed", "kept", "removed"]);
  const before = view.snapshot.all;
  await gap.before(() => view.snapshot.state === "stale");
  await bed.raw.remove(service, "removed");
  await context.put({ ...changed, metadata: { version: "2" } }, context.node("added"));
  await gap.after();
  await context.seen("the true difference", () => {
    const difference = diff(before, view.snapshot.all);
    assert.deepEqual(idsOf(difference.added), ["added"]);
    assert.deepEqual(idsOf(difference.updated), ["changed"]);
    assert.deepEqual(idsOf(difference.removed), ["removed"]);
    assert.equal(view.snapshot.state, "fresh");
    return true;
  });
}
