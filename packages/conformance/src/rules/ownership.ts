import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { nodeOf, type TestContext } from "../test-context.ts";
import { throughout, until } from "../waiting.ts";

/** R5: our record is put back, the operator's changes stay, and of two owners the younger wins. */
export const ownershipTests: readonly RuleTest[] = [
  {
    rule: "R5",
    title: "a deleted record is put back",
    async run(context) {
      const { bed, timing } = context;
      const registration = await context.register(context.connect(), context.node("node-1"));
      await bed.raw.remove(context.service, "node-1");
      await until("the record", timing.expiryMs, () => context.isStored("node-1"));
      await until("the return to be told", timing.expiryMs, () => {
        return registration.state.phase === "registered" && registration.state.generation > 1;
      });
    },
  },
  {
    rule: "R5",
    title: "a corrupted record is put back",
    async run(context) {
      const { bed, timing } = context;
      const registry = context.connect();
      const registration = await context.register(
        registry,
        context.node("node-1", { metadata: { version: "7" } }),
      );
      await bed.raw.corrupt(context.service, "node-1");
      const reader = context.connect();
      await until("the record to be right again", timing.expiryMs, async () => {
        const node = nodeOf(await context.read(reader), "node-1");
        assert.equal(node.host, registration.node.host);
        assert.equal(node.port, registration.node.port);
        assert.equal(node.metadata["version"], "7");
        return true;
      });
    },
  },
  {
    rule: "R5",
    title: "an operator's change outlives the owner's update and a lost lease",
    needs: ["override"],
    async run(context) {
      const { bed, timing } = context;
      const registration = await context.register(
        context.connect(),
        context.node("node-1", { metadata: { version: "1" } }),
      );
      const view = await context.view();
      const changed = (await bed.raw.override?.(context.service, "node-1")) ?? {};
      const isKept = (version: string): boolean => {
        const node = nodeOf(view.snapshot.all, "node-1");
        assert.equal(node.metadata["version"], version);
        assert.deepEqual({ ...node, ...changed }, { ...node });
        return true;
      };
      await context.seen("the operator's change", () => isKept("1"));
      // The owner learns of it with a heartbeat at the latest.
      await throughout(timing.ttlMs, () => void isKept("1"));
      await registration.update({ metadata: { version: "2" } });
      await context.seen("both changes", () => isKept("2"));
      const { generation } = registration.state;
      bed.faults.refuse();
      await until("the lease to run out", timing.expiryMs, async () => {
        return !(await context.isStored("node-1"));
      });
      bed.faults.restore();
      await until("a new entry", timing.expiryMs, () => {
        const { state } = registration;
        return state.phase === "registered" && state.generation > generation;
      });
      await context.seen("the operator's change on the new entry", () => {
        assert.equal(view.snapshot.state, "fresh");
        return isKept("2");
      });
    },
  },
  {
    rule: "R5",
    title: "of two live owners the younger wins and the elder does not fight",
    async run(context) {
      const { timing } = context;
      const elder = await context.register(context.connect(), owned(context, "elder"));
      const younger = await context.register(context.connect(), owned(context, "younger"));
      await until("the elder to learn of it", timing.expiryMs, () => {
        const { phase, cause } = elder.state;
        return phase === "lost" && cause?.code === "CONFLICT";
      });
      const reader = context.connect();
      await throughout(timing.ttlMs * 2, async () => {
        const node = nodeOf(await context.read(reader), "node-1");
        assert.equal(node.metadata["owner"], "younger");
        assert.equal(younger.state.phase, "registered");
        assert.equal(elder.state.phase, "lost");
      });
      await elder.deregister();
      assert.ok(await context.isStored("node-1"), "the elder's leaving removes nothing");
    },
  },
];

function owned(context: TestContext, owner: string): ReturnType<TestContext["node"]> {
  return context.node("node-1", { metadata: { owner } });
}
