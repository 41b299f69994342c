import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { idsOf } from "../test-context.ts";
import { throughout, until, within } from "../waiting.ts";

/** R2: an outage changes state and cause, never nodes; after it comes exactly the true set. */
export const outageTests: readonly RuleTest[] = [
  {
    rule: "R2",
    title: "a backend that is down makes the view stale and keeps its nodes",
    async run(context) {
      const { bed, timing } = context;
      await context.put(context.node("node-1"), context.node("node-2"));
      const view = await context.view();
      await context.shows(view, ["node-1", "node-2"]);
      const { nodes } = view;
      bed.faults.refuse();
      const stale = await until("a stale snapshot", timing.noticeMs, () =>
        view.snapshot.state === "stale" ? view.snapshot : undefined,
      );
      assert.ok(stale.cause?.retryable === true, "the cause says that waiting helps");
      assert.ok(stale.staleSince !== undefined);
      await bed.raw.remove(context.service, "node-2");
      await context.put(context.node("node-3"));
      await throughout(100, () => assert.equal(view.nodes, nodes));
      bed.faults.restore();
      await context.shows(view, ["node-1", "node-3"]);
      assert.equal(view.snapshot.state, "fresh");
      assert.equal(view.snapshot.cause, undefined);
    },
  },
  {
    rule: "R2",
    title: "a backend that stalls changes no node, and the true set follows",
    async run(context) {
      const { bed } = context;
      await context.put(context.node("node-1"), context.node("node-2"));
      const view = await context.view();
      await context.shows(view, ["node-1", "node-2"]);
      const seen = context.record(view);
      bed.faults.stall();
      // An answer may have been on its way.
      await throughout(50, () => undefined);
      const { nodes } = view;
      await bed.raw.remove(context.service, "node-2");
      await context.put(context.node("node-3"));
      await throughout(200, () => assert.equal(view.nodes, nodes));
      bed.faults.restore();
      await context.shows(view, ["node-1", "node-3"]);
      for (const snapshot of seen) assert.ok(idsOf(snapshot.nodes).includes("node-1"));
    },
  },
  {
    rule: "R2",
    title: "a connection that is cut changes no node, and the view goes on",
    async run(context) {
      const { bed } = context;
      await context.put(context.node("node-1"), context.node("node-2"));
      const view = await context.view();
      await context.shows(view, ["node-1", "node-2"]);
      const { nodes } = view;
      const seen = context.record(view);
      bed.faults.cut();
      await context.seen("a fresh snapshot", () => view.snapshot.state === "fresh");
      assert.equal(view.nodes, nodes);
      await context.put(context.node("node-3"));
      await context.shows(view, ["node-1", "node-2", "node-3"]);
      for (const snapshot of seen) assert.ok(snapshot.nodes.length >= 2, "no node was dropped");
    },
  },
  {
    rule: "R2",
    title: "a backend that was never there is pending with a cause",
    async run(context) {
      const { bed, timing } = context;
      await context.put(context.node("node-1"));
      bed.faults.refuse();
      const view = context.discovery().service(context.service);
      const seen = context.record(view);
      await until("a cause", timing.noticeMs, () => view.snapshot.cause);
      assert.equal(view.snapshot.state, "pending");
      bed.faults.restore();
      await within("the first snapshot", timing.propagationMs, view.ready());
      assert.deepEqual(idsOf(view.nodes), ["node-1"]);
      for (const { state, nodes } of seen) assert.ok(state === "pending" || nodes.length === 1);
    },
  },
];
