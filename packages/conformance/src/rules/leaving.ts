import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import type { TestContext } from "../test-context.ts";
import { throughout, within } from "../waiting.ts";

/** R6: what was deregistered, or aborted half-way, stays away. */
export const leavingTests: readonly RuleTest[] = [
  {
    rule: "R6",
    title: "nothing puts a deregistered node back",
    async run(context) {
      const registration = await context.register(context.connect(), context.node("node-1"));
      assert.ok(await context.isStored("node-1"));
      await registration.deregister();
      assert.equal(registration.state.phase, "closed");
      await staysAway(context, "node-1");
      await registration.deregister();
      await assert.rejects(registration.update({ weight: 1 }), { code: "CLOSED" });
    },
  },
  {
    rule: "R6",
    title: "an update under way does not outlive the deregistration",
    async run(context) {
      const registration = await context.register(context.connect(), context.node("node-1"));
      const update = registration.update({ metadata: { version: "2" } });
      update.catch(() => undefined);
      await registration.deregister();
      await staysAway(context, "node-1");
    },
  },
  {
    rule: "R6",
    title: "disposing the registry removes its registrations",
    async run(context) {
      const registry = context.connect();
      await context.register(registry, context.node("node-1"));
      await context.register(registry, context.node("node-2"));
      await registry[Symbol.asyncDispose]();
      await staysAway(context, "node-1", "node-2");
    },
  },
  {
    rule: "R6",
    title: "a registration aborted while the backend stalls leaves nothing behind",
    async run(context) {
      const { bed, timing } = context;
      const registry = context.connect();
      bed.faults.stall();
      const reason = new Error("changed our mind");
      const abort = new AbortController();
      const { ttlMs } = timing;
      const pending = registry.register(context.node("node-1"), { ttlMs, signal: abort.signal });
      const rejected = assert.rejects(pending, reason);
      await context.seen("an attempt to register", () => bed.activity.started > 0);
      abort.abort(reason);
      // What was said before the abort is dropped before the backend answers again.
      await throughout(50, () => undefined);
      bed.faults.restore();
      await within("the rejection", timing.expiryMs, rejected);
      await staysAway(context, "node-1");
    },
  },
  {
    rule: "R6",
    title: "a registration aborted at any moment leaves nothing behind",
    async run(context) {
      const { timing } = context;
      const registry = context.connect();
      const ids = Array.from({ length: 8 }, (_, index) => `node-${index}`);
      await Promise.all(
        ids.map(async (id, index) => {
          const abort = new AbortController();
          setTimeout(() => abort.abort(new Error("changed our mind")), index * 2);
          const registration = await registry
            .register(context.node(id), { ttlMs: timing.ttlMs, signal: abort.signal })
            .catch(() => undefined);
          await registration?.deregister();
        }),
      );
      await staysAway(context, ...ids);
    },
  },
];

/** Looks for two leases: longer than any heartbeat would take to put the record back. */
async function staysAway(context: TestContext, ...ids: readonly string[]): Promise<void> {
  await throughout(context.timing.ttlMs * 2, async () => {
    for (const id of ids) assert.ok(!(await context.isStored(id)), `${id} is not in the backend`);
  });
}
