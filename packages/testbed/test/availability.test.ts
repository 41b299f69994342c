import assert from "node:assert/strict";
import { test } from "vitest";
import { find, required } from "../src/availability.ts";
import type { Lane } from "../src/lane.ts";
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
    own: { version: "1.2.3", lane: "docker" },
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

test("a lane that does not do is passed over, and told", async () => {
  const only =
    (good: Lane) =>
    (lane: Lane): Promise<string> =>
      lane === good ? Promise.resolve("1.2.3") : Promise.reject(new Error(`no ${lane}`));
  const native = await find(kind({ prepare: only("native") }), {});
  assert.deepEqual(native.availability.own, { version: "1.2.3", lane: "native" });
  assert.equal(native.passedOver, "docker: no docker");
  const named = await find(kind({ prepare: only("native") }), { TIN_URL: "http://given/" });
  assert.deepEqual(named.availability.own, { version: "1.2.3", lane: "native" });
  const insisted = await find(kind({ prepare: only("native") }), { ROLLCALL_LANE: "docker" });
  assert.deepEqual(insisted.availability.own, { reason: "docker: no docker" });
  const without = await find(kind(), { ROLLCALL_LANE: "native" });
  assert.deepEqual(without.availability.own, { version: "1.2.3", lane: "native" });
  assert.equal(without.passedOver, "");
  await assert.rejects(find(kind(), { ROLLCALL_LANE: "podman" }), /"podman" is not one of: docker/);
});

test("a server that is prepared but does not start is looked for in the next lane", async () => {
  const server = { url: "http://native/", version: "1.2.3", stop: () => Promise.resolve() };
  const found = await find(
    kind({
      start: (lane) =>
        lane === "native" ? Promise.resolve(server) : Promise.reject(new Error("no memory")),
    }),
    {},
  );
  assert.deepEqual(found.availability, {
    shared: { url: "http://native/", version: "1.2.3" },
    own: { version: "1.2.3", lane: "native" },
  });
  assert.equal(found.passedOver, "docker: no memory");
});

test("one that cannot be had or started anywhere is a reason", async () => {
  const missing = await find(kind({ prepare: fails("no Java") }), {});
  const reason = "docker: no Java; native: no Java";
  assert.deepEqual(missing.availability, { shared: { reason }, own: { reason } });
  const broken = await find(kind({ start: fails("no memory") }), {});
  assert.deepEqual(broken.availability.shared, {
    reason: "docker: no memory; native: no memory",
  });
});

test("ROLLCALL_REQUIRE is a list of known names", () => {
  assert.deepEqual(required(undefined, ["eureka"]), []);
  assert.deepEqual(required(" eureka , ", ["eureka"]), ["eureka"]);
  assert.throws(() => required("eureca", ["eureka"]), /"eureca" is not one of: eureka/);
});
