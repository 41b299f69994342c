import assert from "node:assert/strict";

import type { Registration } from "@rollcall/core";

import { delegate } from "../delegate.ts";
import type { RuleTest } from "../rule.ts";
import { idsOf, steady } from "../test-context.ts";
import { throughout, until } from "../waiting.ts";

/** R3: a sudden loss is held until a read confirms it. */
export const protectionTests: readonly RuleTest[] = [
  {
    rule: "R3",
    title: "nodes that vanish together are held until a read confirms it",
    async run(context) {
      const { bed } = context;
      const ids = ["node-1", "node-2", "node-3", "node-4"];
      await context.put(...ids.map((id) => context.node(id)));
      const gate = Promise.withResolvers<void>();
      const registry = context.connect();
      const gated = delegate(registry, {
        async read(query, signal) {
          await gate.promise;
          return registry.read(query, signal);
        },
      });
      const view = await context.view(gated, {
        protection: { returnMs: 200 },
        readTimeoutMs: 60_000,
      });
      await context.shows(view, ids);
      for (const id of ids) await bed.raw.remove(context.service, id);
      await context.seen("held nodes", () => view.snapshot.held.length > 0);
      await throughout(300, () => assert.ok(view.nodes.length > 0, "held nodes are served"));
      gate.resolve();
      await context.shows(view, []);
      assert.deepEqual(view.snapshot.held, []);
    },
  },
  {
    rule: "R3",
    title: "a loss found after an outage is held for returnMs, then believed",
    async run(context) {
      const { bed, timing } = context;
      const ids = ["node-1", "node-2", "node-3"];
      await context.put(...ids.map((id) => context.node(id)));
      const view = await context.view(context.connect(), { protection: { returnMs: 500 } });
      await context.shows(view, ids);
      bed.faults.refuse();
      await until("a stale snapshot", timing.noticeMs, () => view.snapshot.state === "stale");
      for (const id of ids) await bed.raw.remove(context.service, id);
      const seen = context.record(view);
      bed.faults.restore();
      await until("the loss to be believed", timing.propagationMs + timing.noticeMs, () => {
        const { state, all } = view.snapshot;
        return state === "fresh" && all.length === 0;
      });
      const held = seen.find(({ state, held }) => state === "fresh" && held.length === 3);
      assert.deepEqual(idsOf(held?.nodes ?? []), ids, "held nodes are served and shown as held");
    },
  },
  {
    rule: "R3",
    title: "after a wipe no more than half are lost before the registrants are back",
    needs: ["wipe"],
    async run(context) {
      const { bed, timing } = context;
      const registry = context.connect();
      const ids = ["node-1", "node-2", "node-3", "node-4"];
      const registrations: Registration[] = [];
      for (const id of ids) {
        registrations.push(await context.register(registry, context.node(id)));
      }
      const view = await context.view(context.connect(), { protection: {} });
      await context.shows(view, ids);
      const seen = context.record(view);
      await bed.raw.wipe?.();
      await until("all registrations to be back", timing.expiryMs + timing.propagationMs, () =>
        registrations.every(({ state }) => state.phase === "registered" && state.generation > 1),
      );
      await context.seen("a fresh view with nothing held", () => {
        const { state, held, nodes } = view.snapshot;
        return state === "fresh" && held.length === 0 && nodes.length === ids.length;
      });
      // Who looks when some are back already sees a loss that may be real.
      for (const { nodes } of seen)
        assert.ok(nodes.length >= 2, `only ${idsOf(nodes).join(", ")} are served`);
    },
  },
  {
    rule: "R3",
    title: "nodes that drained first are let go at once",
    async run(context) {
      const registry = context.connect();
      const ids = ["node-1", "node-2", "node-3", "node-4"];
      const registrations: Registration[] = [];
      for (const id of ids) {
        registrations.push(await context.register(registry, context.node(id), steady));
      }
      const view = await context.view(context.connect(), { protection: {} });
      await context.shows(view, ids);
      const seen = context.record(view);
      const leaving = registrations.slice(1);
      for (const one of leaving) await one.update({ status: "draining" });
      await context.shows(view, ["node-1"]);
      for (const one of leaving) await one.deregister();
      await context.seen("only node-1", () => view.snapshot.all.length === 1);
      for (const { held } of seen) assert.deepEqual(held, []);
    },
  },
];
