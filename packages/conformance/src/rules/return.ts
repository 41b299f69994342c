import assert from "node:assert/strict";

import type { Registration } from "@rollcall/core";

import type { RuleTest } from "../rule.ts";
import { throughout, until } from "../waiting.ts";

/** R4: after any loss the registration re-appears without app code, for ever. */
export const returnTests: readonly RuleTest[] = [
  {
    rule: "R4",
    title: "comes back after an outage longer than its lease",
    async run(context) {
      const { bed, timing } = context;
      const registration = await context.register(context.connect(), context.node("node-1"));
      assert.deepEqual(
        { phase: registration.state.phase, generation: registration.state.generation },
        { phase: "registered", generation: 1 },
      );
      bed.faults.refuse();
      await until("the lease to run out", timing.expiryMs, async () => {
        return !(await context.isStored("node-1"));
      });
      await until(
        "the loss to be told",
        timing.expiryMs,
        () => registration.state.phase === "lost",
      );
      assert.ok(registration.state.cause !== undefined);
      bed.faults.restore();
      await until("the record", timing.expiryMs, () => context.isStored("node-1"));
      await until("the return to be told", timing.expiryMs, () => {
        const { phase, generation } = registration.state;
        return phase === "registered" && generation > 1;
      });
    },
  },
  {
    rule: "R4",
    title: "survives a cut of its connections",
    async run(context) {
      const { bed, timing } = context;
      const registration = await context.register(context.connect(), context.node("node-1"));
      bed.faults.cut();
      await until("the record and its registration", timing.expiryMs, async () => {
        return registration.state.phase === "registered" && (await context.isStored("node-1"));
      });
      // Longer than the lease of before the cut: somebody renews.
      await throughout(timing.ttlMs * 2, async () => {
        assert.ok(await context.isStored("node-1"), "the record is there");
      });
    },
  },
  {
    rule: "R4",
    title: "comes back each time the backend lost its data",
    needs: ["wipe"],
    async run(context) {
      const { bed, timing } = context;
      const registry = context.connect();
      const registrations: Registration[] = [];
      for (const id of ["node-1", "node-2", "node-3"]) {
        registrations.push(await context.register(registry, context.node(id)));
      }
      for (const _ of [1, 2, 3]) {
        await bed.raw.wipe?.();
        for (const { node } of registrations) {
          await until(`${node.id} to be back`, timing.expiryMs + timing.noticeMs, () =>
            context.isStored(node.id),
          );
        }
      }
      await until("all to say so", timing.expiryMs, () =>
        registrations.every(({ state }) => state.phase === "registered"),
      );
    },
  },
];
