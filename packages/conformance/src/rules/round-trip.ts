import assert from "node:assert/strict";

import {
  maxMetadataBytes,
  type NodeInput,
  nodeStatuses,
  type Registration,
  type Registry,
  type ServiceNode,
} from "@rollcall/core";

import type { RuleTest } from "../rule.ts";
import { nodeOf, steady, type TestContext } from "../test-context.ts";

/** R19: what `traits.keeps` promises comes back as it was given. */
export const roundTripTests: readonly RuleTest[] = [
  {
    rule: "R19",
    title: "every field in traits.keeps comes back",
    async run(context) {
      await roundTrips(context, [
        context.node("plain"),
        context.node("weighted", { weight: 37, priority: -2 }),
        context.node("fraction", { weight: 0.5 }),
        context.node("idle", { weight: 0 }),
        context.node("zoned", { zone: "eu-west-1a" }),
        context.node("secure", { secure: true, hostname: "orders.example.com" }),
        context.node("named", { host: "orders-1.example.com" }),
        context.node("high-port", { port: 65_535 }),
      ]);
    },
  },
  {
    rule: "R19",
    title: "every status comes back",
    async run(context) {
      await roundTrips(
        context,
        nodeStatuses
          // `unknown` is what others wrote; nobody registers it.
          .filter((status) => status !== "unknown")
          .map((status) => context.node(status, { status })),
      );
    },
  },
  {
    rule: "R19",
    title: "IPv6 hosts come back without brackets",
    async run(context) {
      await roundTrips(context, [
        context.node("loopback", { host: "::1" }),
        context.node("global", { host: "2001:db8::8a2e:370:7334" }),
      ]);
    },
  },
  {
    rule: "R19",
    title: "metadata comes back: unicode, odd keys, empty values",
    async run(context) {
      await roundTrips(context, [
        context.node("odd", {
          metadata: {
            version: "1.2.3",
            empty: "",
            "with.dot": "a=b&c;d,e|f",
            "with-dash": ' "quoted" <tag> \\ / ',
            greek: "Ελληνικά",
            wide: "漢字 🚀",
            lines: "one\ntwo\ttabbed",
            json: '{"a":[1,2]}',
          },
        }),
      ]);
    },
  },
  {
    rule: "R19",
    title: "64 KiB of metadata come back",
    async run(context) {
      const metadata: Record<string, string> = {};
      for (let index = 0; index < 64; index += 1) {
        const key = `key-${String(index).padStart(4, "0")}`;
        metadata[key] = String(index % 10).repeat(maxMetadataBytes / 64 - key.length);
      }
      await roundTrips(context, [context.node("large", { metadata })]);
    },
  },
];

async function roundTrips(
  context: TestContext,
  inputs: readonly (NodeInput & { readonly id: string })[],
): Promise<void> {
  const registry = context.connect();
  const registered: Registration[] = [];
  for (const input of inputs) registered.push(await context.register(registry, input, steady));
  const reader: Registry = context.connect();
  await context.seen("the nodes as they were given", async () => {
    const nodes = await context.read(reader);
    for (const { node } of registered) assertKept(context, nodeOf(nodes, node.id), node);
    return true;
  });
  const { nodes } = await context.firstSet(context.connect());
  for (const { node } of registered) assertKept(context, nodeOf(nodes, node.id), node);
}

function assertKept(context: TestContext, actual: ServiceNode, expected: ServiceNode): void {
  for (const field of context.subject.traits.keeps) {
    if (field === "service" && context.subject.caseSensitive === false) {
      assert.equal(actual.service.toLowerCase(), expected.service.toLowerCase());
    } else if (field === "metadata") {
      assert.deepEqual({ ...actual.metadata }, { ...expected.metadata }, `of ${expected.id}`);
    } else {
      assert.deepEqual(actual[field], expected[field], `${field} of ${expected.id}`);
    }
  }
}
