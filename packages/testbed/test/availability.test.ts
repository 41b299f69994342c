import assert from "node:assert/strict";
import { test } from "vitest";
import { find, required } from "../src/availability.ts";
import type { RegistryKind } from "../src/registry-kind.ts";

function kind(overrides: Partial<RegistryKind> = {}): RegistryKind {
  return {
    name: "tin",
    envName: "TIN_URL",
    probe: () => Promise.resolve("9"),
    prepare: () => Promise.resolve("1.2.3"),
    start: () =>
      Promise.resolve({ url: "http://started/", version: "1.2.3", stop: () => Promise.resolve() }),
    ...overrides,
  };
}

const fails = (message: string) => () => Promise.reject(new Error(message));

test("the server that the environment names comes first and is never started", async () => {
  const found = await find(kind({ start: fails("started") }), { TIN_URL: "http://given/" });
  assert.deepEqual(found.availability, {
    shared: { url: "http://given/", version: "9" },
    own: { version: "1.2.3" },
  });
});

test("a named server that does not answer is a reason, not replaced by another", async () => {
  const { availability } = await find(kind({ probe: fails("refused") }), { TIN_URL: "http://x/" });
  assert.deepEqual(availability.shared, { reason: "TIN_URL: refused" });
});

test("without a name one is started, and stopped", async () => {
  let stops = 0;
  const stop = (): Promise<void> => {
    stops += 1;
    return Promise.resolve();
  };
  const found = await find(
    kind({ start: () => Promise.resolve({ url: "http://started/", version: "1.2.3", stop }) }),
    {},
  );
  assert.deepEqual(found.availability.shared, { url: "http://started/", version: "1.2.3" });
  await found.stop();
  assert.equal(stops, 1);
});

test("one that cannot be had or started is a reason", async () => {
  const missing = await find(kind({ prepare: fails("no Java") }), {});
  assert.match(JSON.stringify(missing.availability.shared), /^\{"reason":"no Java/);
  assert.deepEqual(missing.availability.own, { reason: "no Java" });
  const broken = await find(kind({ start: fails("no memory") }), {});
  assert.deepEqual(broken.availability.shared, { reason: "no memory" });
});

test("ROLLCALL_REQUIRE is a list of known names", () => {
  assert.deepEqual(required(undefined, ["eureka"]), []);
  assert.deepEqual(required(" eureka , ", ["eureka"]), ["eureka"]);
  assert.throws(() => required("eureca", ["eureka"]), /"eureca" is not one of: eureka/);
});
