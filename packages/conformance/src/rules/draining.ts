import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { startNode } from "../serving-node.ts";
import { nodeOf, steady } from "../test-context.ts";
import { throughout, until } from "../waiting.ts";

const drainsForMs = 10 * 60_000;

/** R20: draining is visible to everyone, and a node's whole life loses no request. */
export const drainingTests: readonly RuleTest[] = [
  {
    rule: "R20",
    title: "draining is visible to the registry's own tools and to consumers, and can be undone",
    async run(context) {
      const { bed, timing } = context;
      const registration = await context.register(context.connect(), context.node("node-1"));
      const view = await context.view();
      await context.shows(view, ["node-1"]);
      const isServing = async (): Promise<boolean> =>
        (await bed.raw.stored(context.service, "node-1"))?.serving === true;
      assert.ok(await isServing());
      await registration.update({ status: "draining" });
      assert.ok(!(await isServing()), "the registry's tools show it as not serving");
      await context.shows(view, []);
      assert.equal(nodeOf(view.snapshot.all, "node-1").status, "draining");
      // Heartbeats must not bring it back into service.
      await throughout(timing.ttlMs, async () => assert.ok(!(await isServing())));
      await registration.update({ status: "up" });
      assert.ok(await isServing());
      await context.shows(view, ["node-1"]);
    },
  },
  {
    rule: "R20",
    title: "register, update, drain and deregister lose no request",
    async run(context) {
      const { bed, timing } = context;
      const registry = context.connect();
      const view = await context.view(context.connect(), { protection: {} });
      const [first, second] = [await startNode(context), await startNode(context)];
      const leaving = await context.register(registry, first.input("node-1"), steady);
      await context.shows(view, ["node-1"]);
      const load = first.load(() => view.nodes);
      context.atEnd(() => load.stop());
      const staying = await context.register(registry, second.input("node-2"), steady);
      await context.shows(view, ["node-1", "node-2"]);
      await staying.update({ metadata: { version: "2" } });
      await context.seen("the update", () => {
        return nodeOf(view.nodes, "node-2").metadata["version"] === "2";
      });
      await until("requests to both", timing.propagationMs, () => {
        return first.served > 0 && second.served > 0;
      });
      // Longer than the test: it must still be there when it is looked at.
      const drained = leaving.deregister({ drainMs: drainsForMs });
      // It is awaited below, where a failure of the second call comes first.
      drained.catch(() => undefined);
      await context.shows(view, ["node-2"]);
      assert.equal(nodeOf(view.snapshot.all, "node-1").status, "draining");
      assert.equal((await bed.raw.stored(context.service, "node-1"))?.serving, false);
      // No need to wait any longer: the only consumer has seen it.
      await leaving.deregister();
      await drained;
      assert.ok(!(await context.isStored("node-1")));
      // Requests that were sent before must reach a server that is there.
      await load.settled();
      await first.close();
      const { served } = second;
      await until("requests to the other", timing.propagationMs, () => second.served > served + 10);
      await load.stop();
      assert.deepEqual(load.failures, []);
    },
  },
];
