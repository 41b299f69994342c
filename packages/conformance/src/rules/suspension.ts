import assert from "node:assert/strict";

import { startChild } from "../child-process.ts";
import type { RuleTest } from "../rule.ts";
import { until } from "../waiting.ts";

/** R17: a stall longer than the lease leads to a return, not to a silent loss. */
export const suspensionTests: readonly RuleTest[] = [
  {
    rule: "R17",
    title: "heartbeats that got stuck for longer than the lease are a loss that is told and mended",
    async run(context) {
      const { bed, timing } = context;
      const registration = await context.register(context.connect(), context.node("node-1"));
      const phases: string[] = [];
      const following = (async () => {
        for await (const { phase } of registration) phases.push(phase);
      })();
      context.atEnd(async () => {
        await registration.deregister().catch(() => undefined);
        await following;
      });
      bed.faults.stall();
      await until("the lease to run out", timing.expiryMs, async () => {
        return !(await context.isStored("node-1"));
      });
      await until("the loss to be told", timing.expiryMs, () => phases.includes("lost"));
      bed.faults.restore();
      await until("the record and its registration", timing.expiryMs, async () => {
        return registration.state.phase === "registered" && (await context.isStored("node-1"));
      });
      assert.ok(registration.state.generation > 1);
    },
  },
  {
    rule: "R17",
    title: "a process that was suspended for longer than its lease comes back",
    needs: ["child", "link"],
    async run(context) {
      const { timing } = context;
      const child = startChild(context);
      await child.register(context.node("node-1"));
      child.suspend();
      await until("the lease to run out", timing.expiryMs, async () => {
        return !(await context.isStored("node-1"));
      });
      child.resume();
      await until("the record", timing.expiryMs, () => context.isStored("node-1"));
      await until("the registration", timing.expiryMs, async () => {
        return (await child.phase()) === "registered";
      });
      await child.disposeAndExit();
    },
  },
];
