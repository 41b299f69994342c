import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { until } from "../waiting.ts";

/** R16: values are frozen, inputs are copied, and what is equal is no news. */
export const valueTests: readonly RuleTest[] = [
  {
    rule: "R16",
    title: "snapshots are frozen to the last field",
    async run(context) {
      await context.put(context.node("node-1", { metadata: { version: "1" } }));
      await context.bed.raw.putGarbage(context.service);
      const view = await context.view();
      await context.shows(view, ["node-1"]);
      const { snapshot } = view;
      assert.ok(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.query));
      for (const list of [snapshot.nodes, snapshot.all, snapshot.held, snapshot.rejected]) {
        assert.ok(Object.isFrozen(list));
      }
      for (const record of snapshot.rejected) assert.ok(Object.isFrozen(record));
      for (const node of snapshot.all) {
        assert.ok(Object.isFrozen(node) && Object.isFrozen(node.metadata));
      }
    },
  },
  {
    rule: "R16",
    title: "what was registered is a copy of the input",
    async run(context) {
      const { bed } = context;
      const metadata: Record<string, string> = { version: "1" };
      const input = { ...context.node("node-1"), metadata };
      const registration = await context.register(context.connect(), input);
      input.host = "127.0.0.9";
      metadata["version"] = "changed by the caller";
      const view = await context.view();
      await context.shows(view, ["node-1"]);
      // Entered anew, it must be what was registered all the same.
      await bed.raw.remove(context.service, "node-1");
      await until("a new entry", context.timing.expiryMs, () => registration.state.generation > 1);
      await context.shows(view, ["node-1"]);
      for (const node of [registration.node, ...view.snapshot.all]) {
        assert.equal(node.host, "127.0.0.1");
        assert.equal(node.metadata["version"], "1");
        assert.ok(Object.isFrozen(node) && Object.isFrozen(node.metadata));
      }
    },
  },
  {
    rule: "R16",
    title: "records written again, in another order, are no new snapshot",
    async run(context) {
      const nodes = ["node-1", "node-2", "node-3"].map((id) =>
        context.node(id, { metadata: { a: "1", b: "2" } }),
      );
      await context.put(...nodes);
      const view = await context.view();
      await context.shows(
        view,
        nodes.map(({ id }) => id),
      );
      const seen = context.record(view);
      const before = view.snapshot;
      const again = nodes.map((node) => ({ ...node, metadata: { b: "2", a: "1" } }));
      await context.put(...again.toReversed());
      await context.put(context.node("marker"));
      await context.seen("the marker", () => view.nodes.length === 4);
      assert.equal(view.snapshot.sequence, before.sequence + 1, "one snapshot for the marker");
      for (const node of before.nodes) {
        assert.ok(view.nodes.includes(node), `${node.id} is the same object`);
      }
      assert.ok(seen.length <= 2);
    },
  },
];
