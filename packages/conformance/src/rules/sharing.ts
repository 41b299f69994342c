import assert from "node:assert/strict";

import { delegate } from "../delegate.ts";
import type { RuleTest } from "../rule.ts";
import { within } from "../waiting.ts";

/** R12: any number of views of one service use one registry watch. */
export const sharingTests: readonly RuleTest[] = [
  {
    rule: "R12",
    title: "views of equal queries share one watch, which ends with the last of them",
    async run(context) {
      const { bed, service, timing } = context;
      await context.put(context.node("node-1"));
      const registry = context.connect();
      let started = 0;
      let ended = 0;
      const counted = delegate(registry, {
        async *watch(query, signal) {
          started += 1;
          try {
            for await (const set of registry.watch(query, signal)) yield set;
          } finally {
            ended += 1;
          }
        },
      });
      const discovery = context.discovery(counted);
      const views = [service, service, { service }, { service, scope: {} }].map((query) =>
        discovery.service(query),
      );
      for (const view of views) {
        await within("the first snapshot", timing.propagationMs, view.ready());
      }
      const [first, ...others] = views;
      for (const view of others) {
        assert.equal(view.snapshot, first?.snapshot);
        view[Symbol.dispose]();
      }
      await context.put(context.node("node-2"));
      await context.seen("the change in the view that is left", () => first?.nodes.length === 2);
      assert.deepEqual({ started, ended }, { started: 1, ended: 0 });
      const open = bed.activity.open;
      first?.[Symbol.dispose]();
      await context.seen("the end of the watch", () => ended === 1);
      assert.ok(bed.activity.open <= open);
      const again = discovery.service(service);
      await within("a second watch", timing.propagationMs, again.ready());
      assert.equal(started, 2);
    },
  },
];
