import { describe, expect, test } from "vitest";

import { type App, buildApps, readApplications } from "../src/apps.ts";
import type { Instance } from "../src/instance.ts";
import { createDecoder } from "../src/node-set.ts";

function appOf(count: number): App {
  const instance = Array.from({ length: count }, (_, index) => ({
    instanceId: `n${index}`,
    ipAddr: `10.0.0.${index}`,
    hostName: `10.0.0.${index}`,
    status: "UP",
    port: { $: 8080, "@enabled": "true" },
  }));
  const document = {
    applications: { apps__hashcode: "UP_1_", application: [{ name: "A", instance }] },
  };
  const app = buildApps(readApplications(document)).byName.get("A");
  if (app === undefined) throw new Error("no application");
  return app;
}

/** The application with one record that counts how often it is read. */
function counting(app: App, key: string): { readonly app: App; readonly reads: () => number } {
  let reads = 0;
  const whole = app.instances.get(key) as Instance;
  const counted: Instance = {
    ...whole,
    get fields() {
      reads += 1;
      return whole.fields;
    },
  };
  const instances = new Map(app.instances).set(key, counted);
  return { app: { ...app, instances }, reads: () => reads };
}

describe("decoding an application", () => {
  const known = new Map();

  test("a record that is the same object is decoded once", () => {
    const { app, reads } = counting(appOf(3), "n1");
    const decoder = createDecoder("eureka", 100);
    const first = decoder.decode(app, known).nodes;
    const readsOfFirst = reads();
    expect(readsOfFirst).toBeGreaterThan(0);
    // As a delta does it: another map, in which one record is another.
    const changed = appOf(4).instances.get("n3") as Instance;
    const next = { ...app, instances: new Map(app.instances).set("n3", changed) };
    const second = decoder.decode(next, new Map(first.map((node) => [node.id, node]))).nodes;
    expect(reads()).toBe(readsOfFirst);
    expect(second.map(({ id }) => id)).toEqual(["n0", "n1", "n2", "n3"]);
    expect(second.slice(0, 3).every((node, index) => node === first[index])).toBe(true);
  });

  test("it is decoded again when the server spells the application otherwise", () => {
    const app = appOf(1);
    const decoder = createDecoder("eureka", 100);
    expect(decoder.decode(app, known).nodes[0]?.service).toBe("A");
    expect(decoder.decode({ ...app, name: "a" }, known).nodes[0]?.service).toBe("a");
  });

  test("a record with a complaint complains each time", () => {
    const app = appOf(1);
    const whole = app.instances.get("n0") as Instance;
    const odd = { ...whole, fields: { ...whole.fields, metadata: { weight: "heavy" } } };
    const decoder = createDecoder("eureka", 100);
    for (let round = 0; round < 2; round += 1) {
      const set = decoder.decode({ ...app, instances: new Map([["n0", odd]]) }, known);
      expect(set.nodes).toHaveLength(1);
      expect(set.rejected?.[0]?.error.reason).toContain("weight");
    }
  });
});
