import assert from "node:assert/strict";

import type { RuleTest } from "../rule.ts";
import { throughout, within } from "../waiting.ts";

/** Attempts a refused registry may make within the time the suite looks: none of its loops is hot. */
const maxAttempts = 8;

/** R18: refused credentials are `AUTH`, neither "empty" nor a hot loop; tokens are renewed in time. */
export const credentialTests: readonly RuleTest[] = [
  {
    rule: "R18",
    title: "wrong credentials are AUTH for every call",
    needs: ["credentials"],
    async run(context) {
      const { timing, service } = context;
      const registry = context.connect({ credentials: "wrong" });
      const signal = AbortSignal.timeout(timing.propagationMs);
      const refused = { code: "AUTH" };
      await assert.rejects(registry.read({ service }, signal), refused);
      await assert.rejects(
        registry.watch({ service }, signal)[Symbol.asyncIterator]().next(),
        refused,
      );
      await assert.rejects(
        registry.register(context.node("node-1"), { ttlMs: timing.ttlMs, signal }),
        refused,
      );
      await assert.rejects(registry.services({ signal }), refused);
    },
  },
  {
    rule: "R18",
    title: "a refused view is pending with AUTH, and does not ask in a hot loop",
    needs: ["credentials"],
    async run(context) {
      const { bed, timing } = context;
      const registry = context.connect({ credentials: "wrong" });
      // Core's own pace: what is tested is that nothing below it retries.
      const discovery = context.discovery(registry, { backoff: undefined });
      const view = discovery.service(context.service);
      await within(
        "the refusal",
        timing.propagationMs,
        assert.rejects(view.ready(), { code: "AUTH" }),
      );
      assert.equal(view.snapshot.state, "pending");
      assert.equal(view.snapshot.cause?.code, "AUTH");
      const { started } = bed.activity;
      await throughout(1_000, () => {
        assert.ok(bed.activity.started - started <= maxAttempts, "asks slowly");
        assert.equal(view.snapshot.state, "pending");
      });
    },
  },
  {
    rule: "R18",
    title: "tokens are renewed before they run out",
    needs: ["tokens"],
    async run(context) {
      const { timing } = context;
      const registry = context.connect();
      const registration = await context.register(registry, context.node("node-1"));
      const view = await context.view(registry);
      await context.shows(view, ["node-1"]);
      await throughout((timing.tokenMs ?? 0) * 3, () => {
        assert.equal(view.snapshot.state, "fresh");
        assert.equal(registration.state.phase, "registered");
      });
      await context.put(context.node("node-2"));
      await context.shows(view, ["node-1", "node-2"]);
    },
  },
];
