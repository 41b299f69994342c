import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { effectiveStatus, hashCode, parseStatus, type EurekaStatus } from "../src/status.ts";
import { bench } from "./client.ts";

const statuses = ["UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"] as const;

test.each<[EurekaStatus, EurekaStatus | undefined, EurekaStatus | undefined, EurekaStatus]>([
  ["UP", undefined, undefined, "UP"],
  ["OUT_OF_SERVICE", undefined, undefined, "OUT_OF_SERVICE"],
  ["DOWN", "UP", "UP", "DOWN"],
  ["STARTING", "OUT_OF_SERVICE", "UP", "STARTING"],
  ["UP", "OUT_OF_SERVICE", "UP", "OUT_OF_SERVICE"],
  ["UP", "DOWN", undefined, "DOWN"],
  ["UP", undefined, "OUT_OF_SERVICE", "OUT_OF_SERVICE"],
  ["OUT_OF_SERVICE", undefined, "UP", "UP"],
  ["UP", undefined, "STARTING", "UP"],
  ["UP", undefined, "DOWN", "UP"],
  ["UP", undefined, "UNKNOWN", "UP"],
])("posted %s, override %s, leased %s: %s", (posted, override, leased, effective) => {
  expect(effectiveStatus(posted, override, leased)).toBe(effective);
});

test.each<[readonly EurekaStatus[], string]>([
  [[], ""],
  [["UP", "UP"], "UP_2_"],
  [
    ["UP", "DOWN", "UP", "OUT_OF_SERVICE", "STARTING", "UNKNOWN"],
    "DOWN_1_OUT_OF_SERVICE_1_STARTING_1_UNKNOWN_1_UP_2_",
  ],
])("the hash of %j is %j", (all, hash) => {
  expect(hashCode(all)).toBe(hash);
});

test("the hash does not depend on the order", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...statuses)), (all) => {
      expect(hashCode(all.toReversed())).toBe(hashCode(all));
    }),
  );
});

test("only the exact names are statuses", () => {
  for (const status of statuses) expect(parseStatus(status)).toBe(status);
  for (const text of ["up", "", "toString", null, undefined]) {
    expect(parseStatus(text)).toBeUndefined();
  }
});

describe("through the protocol", () => {
  test("an override survives registration and is cleared with a value", async () => {
    await using b = await bench();
    await b.register("A", "1");
    await b.call("PUT", "apps/A/1/status?value=OUT_OF_SERVICE");
    await b.register("A", "1");
    expect(await b.instance("A", "1")).toMatchObject({
      status: "OUT_OF_SERVICE",
      overriddenStatus: "OUT_OF_SERVICE",
    });
    expect((await b.call("PUT", "apps/A/1")).status).toBe(200);
    await b.call("DELETE", "apps/A/1/status?value=UP");
    expect(await b.instance("A", "1")).toMatchObject({ status: "UP", overriddenStatus: "UNKNOWN" });
    expect(b.changes.map(({ type, status }) => [type, status])).toEqual([
      ["registered", "UP"],
      ["status", "OUT_OF_SERVICE"],
      ["updated", "OUT_OF_SERVICE"],
      ["status", "UP"],
    ]);
  });

  test("an override is forgotten with its node", async () => {
    await using b = await bench();
    await b.register("A", "1");
    await b.call("PUT", "apps/A/1/status?value=OUT_OF_SERVICE");
    await b.call("DELETE", "apps/A/1");
    await b.register("A", "1");
    expect((await b.instance("A", "1"))?.status).toBe("UP");
  });

  test("clearing without a value forces a new registration", async () => {
    await using b = await bench();
    await b.register("A", "1");
    await b.call("PUT", "apps/A/1/status?value=DOWN");
    await b.call("DELETE", "apps/A/1/status");
    expect((await b.call("PUT", "apps/A/1?status=UP")).status).toBe(404);
    await b.register("A", "1");
    expect((await b.call("PUT", "apps/A/1")).status).toBe(200);
  });

  test("a first registration may bring its override, and clearing it is for good", async () => {
    await using b = await bench();
    await b.register("A", "1", { overriddenStatus: "OUT_OF_SERVICE" });
    expect((await b.instance("A", "1"))?.status).toBe("OUT_OF_SERVICE");
    await b.call("DELETE", "apps/A/1/status?value=UP");
    await b.call("PUT", "apps/A/1/metadata?k=v");
    expect(await b.instance("A", "1")).toMatchObject({ status: "UP", overriddenStatus: "UNKNOWN" });
  });

  test("STARTING becomes UP, and UP becomes DOWN, by registering again", async () => {
    await using b = await bench();
    for (const status of ["STARTING", "UP", "OUT_OF_SERVICE", "DOWN", "UP"]) {
      await b.register("A", "1", { status });
    }
    expect(b.changes.map((change) => change.status)).toEqual([
      "STARTING",
      "UP",
      "UP",
      "DOWN",
      "UP",
    ]);
  });

  test("lastDirtyTimestamp: newer in a heartbeat is 404, older in a registration is ignored", async () => {
    await using b = await bench();
    await b.register("A", "1", { lastDirtyTimestamp: "1000", metadata: { v: "1" } });
    expect((await b.call("PUT", "apps/A/1?lastDirtyTimestamp=999")).status).toBe(200);
    expect((await b.call("PUT", "apps/A/1?lastDirtyTimestamp=1000")).status).toBe(200);
    expect((await b.call("PUT", "apps/A/1?lastDirtyTimestamp=1001")).status).toBe(404);
    await b.register("A", "1", { lastDirtyTimestamp: 999, metadata: { v: "old" } });
    expect((await b.instance("A", "1"))?.metadata).toEqual({ v: "1" });
    await b.register("A", "1", { lastDirtyTimestamp: 1000, metadata: { v: "2" } });
    expect((await b.instance("A", "1"))?.metadata).toEqual({ v: "2" });
    await b.call("PUT", "apps/A/1/status?value=DOWN&lastDirtyTimestamp=5000");
    expect((await b.instance("A", "1"))?.lastDirtyTimestamp).toBe("5000");
  });

  test.each(["value=BANANA", "value=up", "value=", ""])("PUT status?%s is 500", async (query) => {
    await using b = await bench();
    await b.register("A", "1");
    expect((await b.call("PUT", `apps/A/1/status?${query}`)).status).toBe(500);
    expect((await b.instance("A", "1"))?.status).toBe("UP");
  });
});
