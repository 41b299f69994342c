import assert from "node:assert/strict";

import type { ServiceQuery } from "@rollcall/core";

import type { RuleTest } from "../rule.ts";
import { idsOf, steady, type TestContext } from "../test-context.ts";

/** What the suite appends to a service name: neighbours of it, and whatever may need escaping. */
export const nameEndings: readonly string[] = [
  "b",
  "-b",
  ".b",
  "_b",
  "/b",
  " b",
  "%2Fb",
  "+b",
  ":b",
  "?b=1",
  "#b",
  "*",
  "@@b",
  "é漢",
];

/** R9: a service sees its own nodes only, whatever its name looks like. */
export const nameTests: readonly RuleTest[] = [
  {
    rule: "R9",
    title: "names that resemble each other or need escaping are kept apart",
    async run(context) {
      const { service, subject } = context;
      const refused = subject.refusedEndings ?? [];
      const names = ["", ...nameEndings.filter((ending) => !refused.includes(ending))].map(
        (ending) => service + ending,
      );
      const registry = context.connect();
      await Promise.all(
        names.map((name, index) =>
          context.register(registry, context.node(`node-${index}`, { service: name }), steady),
        ),
      );
      for (const [index, name] of names.entries()) {
        await context.seen(`the node of ${name}`, async () => {
          assert.deepEqual(idsOf(await context.read(registry, name)), [`node-${index}`]);
          return true;
        });
      }
      const watching = context.connect();
      for (const [index, name] of names.entries()) {
        const { nodes } = await context.firstSet(watching, name);
        assert.deepEqual(idsOf(nodes), [`node-${index}`], `what a watch of ${name} sees`);
        assert.ok(sameName(context, nodes[0]?.service, name), `spells ${name}`);
      }
      const listed = await registry.services();
      for (const name of names) {
        assert.ok(
          listed.some((one) => sameName(context, one, name)),
          `services() lists ${name}`,
        );
      }
    },
  },
  {
    rule: "R9",
    title: "names the backend cannot hold are refused",
    async run(context) {
      for (const ending of context.subject.refusedEndings ?? []) {
        const service = context.service + ending;
        const registry = context.connect();
        const node = context.node("node-1", { service });
        await assert.rejects(
          async () => registry.register(node),
          { code: "INVALID" },
          `register ${service}`,
        );
        await assert.rejects(
          async () => context.read(registry, service),
          { code: "INVALID" },
          `read ${service}`,
        );
      }
    },
  },
  {
    rule: "R9",
    title: "case matters as far as it does to the backend",
    async run(context) {
      const { service, subject } = context;
      const registry = context.connect();
      await context.register(registry, context.node("node-1"), steady);
      const upper = service.toUpperCase();
      await context.register(registry, context.node("node-2", { service: upper }), steady);
      const expected = subject.caseSensitive === false ? ["node-1", "node-2"] : ["node-2"];
      await context.seen("the second node", async () => {
        assert.deepEqual(idsOf(await context.read(registry, upper)), expected);
        return true;
      });
      const { nodes } = await context.firstSet(context.connect());
      assert.deepEqual(
        idsOf(nodes),
        subject.caseSensitive === false ? ["node-1", "node-2"] : ["node-1"],
      );
    },
  },
  {
    rule: "R9",
    title: "scopes are kept apart, and unknown scope keys are refused at once",
    async run(context) {
      const { service, subject } = context;
      const registry = context.connect();
      const unknown = { "no-such-key": "x" };
      const discovery = context.discovery(registry);
      assert.throws(() => discovery.service({ service, scope: unknown }), { code: "INVALID" });
      assert.throws(() => void registry.register(context.node("node-1"), { scope: unknown }), {
        code: "INVALID",
      });
      for (const [index, scope] of (subject.scopes ?? []).entries()) {
        await context.register(registry, context.node(`node-${index}`), { ...steady, scope });
      }
      for (const [index, scope] of (subject.scopes ?? []).entries()) {
        const query: ServiceQuery = { service, scope };
        const view = discovery.service(query);
        await context.seen(`the node of scope ${JSON.stringify(scope)}`, () => {
          assert.deepEqual(idsOf(view.nodes), [`node-${index}`]);
          return true;
        });
      }
    },
  },
];

function sameName(context: TestContext, a: string | undefined, b: string): boolean {
  return context.subject.caseSensitive === false ? a?.toLowerCase() === b.toLowerCase() : a === b;
}
