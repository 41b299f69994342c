import { defineNode, type NodeInput } from "@rollcall/core";
import fc from "fast-check";
import { expect, test } from "vitest";

import { decodeInstance } from "../src/codec.ts";
import { parseDocument } from "../src/document.ts";
import { encodeInstance, registrationBody } from "../src/instance-body.ts";
import { readInstance } from "../src/instance.ts";

const context = { registry: "eureka", app: "ORDERS", weight: 100 };
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const key = fc.oneof(
  text,
  fc.constantFrom(
    "zone",
    "weight",
    "@class",
    "class",
    "__proto__",
    "rollcall.owner",
    "rollcall.meta.zone",
  ),
);
const visible = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((one) => !/[\u0000-\u001f\u007f]/.test(one));
const dns = fc.domain();
const address = fc.oneof(fc.ipV4(), fc.ipV6(), dns);
const nodes: fc.Arbitrary<NodeInput> = fc.record(
  {
    service: fc.constant("ORDERS"),
    host: address,
    port: fc.integer({ min: 1, max: 65_535 }),
    id: visible,
    secure: fc.boolean(),
    hostname: fc.option(dns, { nil: undefined }),
    weight: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    priority: fc.maxSafeInteger(),
    status: fc.constantFrom("up", "starting", "draining", "down", "unknown"),
    zone: fc.option(visible, { nil: undefined }),
    metadata: fc.dictionary(key, text, { maxKeys: 5 }),
  },
  { requiredKeys: ["service", "host", "port"] },
);

test("what is registered comes back, in every field", () => {
  fc.assert(
    fc.property(nodes, (input) => {
      const node = defineNode(input);
      const owner = "1764000000000.00000000-0000-4000-8000-000000000000";
      const body = encodeInstance(node, {
        instance: {},
        renewalIntervalMs: 30_000,
        durationMs: 90_000,
        owner,
      });
      const sent = registrationBody(body, node, undefined, 1);
      const { instance } = parseDocument(Buffer.from(sent), "application/json");
      const { node: back, error } = decodeInstance(readInstance(instance, "?"), context);
      expect(error).toBeUndefined();
      expect({ ...back, metadata: { ...back?.metadata } }).toEqual({
        ...node,
        // Eureka's own spelling of minus zero and the like is not worth a difference.
        weight: node.weight + 0,
        metadata: { ...node.metadata },
      });
    }),
    { numRuns: 500 },
  );
});

test("no record, however odd, makes the decoder throw", () => {
  const odd = fc.oneof(
    fc.anything(),
    fc.record(
      {
        instanceId: fc.anything(),
        hostName: fc.anything(),
        ipAddr: fc.oneof(fc.ipV4(), fc.anything()),
        status: fc.anything(),
        overriddenStatus: fc.anything(),
        port: fc.oneof(fc.anything(), fc.record({ $: fc.anything(), "@enabled": fc.anything() })),
        securePort: fc.anything(),
        metadata: fc.anything(),
        dataCenterInfo: fc.anything(),
      },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(odd, (raw) => {
      const { node, error } = decodeInstance(readInstance(raw, "X[0]"), context);
      expect(node !== undefined || error !== undefined).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
