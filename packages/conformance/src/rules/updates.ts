import assert from "node:assert/strict";

import { diff, type NodePatch } from "@rollcall/core";

import type { RuleTest } from "../rule.ts";
import { idsOf, nodeOf, type TestContext } from "../test-context.ts";

/** R15: a change of metadata or weight alone is an update of the same node. */
export const updateTests: readonly RuleTest[] = [
  {
    rule: "R15",
    title: "new metadata is an update",
    run: (context) => updatesOnly(context, { metadata: { version: "2" } }),
  },
  {
    rule: "R15",
    title: "a new weight is an update",
    async run(context) {
      if (context.subject.traits.keeps.includes("weight")) {
        await updatesOnly(context, { weight: 33 });
      }
    },
  },
  {
    rule: "R15",
    title: "metadata keys that were taken away are gone",
    async run(context) {
      const node = context.node("node-1", { metadata: { a: "1", b: "2" } });
      const registration = await context.register(context.connect(), node);
      const view = await context.view();
      await context.shows(view, ["node-1"]);
      await registration.update({ metadata: { b: "3" } });
      await context.seen("the metadata that is left", () => {
        assert.deepEqual({ ...nodeOf(view.nodes, "node-1").metadata }, { b: "3" });
        return true;
      });
    },
  },
];

async function updatesOnly(context: TestContext, patch: NodePatch): Promise<void> {
  const registry = context.connect();
  const node = context.node("node-1", { metadata: { version: "1" } });
  const registration = await context.register(registry, node);
  await context.register(registry, context.node("node-2"));
  const view = await context.view();
  await context.shows(view, ["node-1", "node-2"]);
  const before = view.snapshot.all;
  const seen = context.record(view);
  await registration.update(patch);
  await context.seen("the update", () => {
    const { added, updated, removed } = diff(before, view.snapshot.all);
    assert.deepEqual([added, idsOf(updated), removed], [[], ["node-1"], []]);
    const now = nodeOf(view.nodes, "node-1");
    assert.deepEqual({ ...now, ...patch, metadata: null }, { ...now, metadata: null });
    assert.deepEqual({ ...now.metadata }, patch.metadata ?? node.metadata);
    return true;
  });
  assert.equal(registration.state.generation, 1, "it was not entered anew");
  for (const { all } of seen) assert.equal(all.length, 2, "no node came or went");
}
