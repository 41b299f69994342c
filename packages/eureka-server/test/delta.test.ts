import { expect, test } from "vitest";

import { bench } from "./client.ts";

test("a change stays for the window, told once and in its newest state", async () => {
  await using b = await bench({ deltaRetentionMs: 60_000 });
  await b.register("A", "1");
  await b.register("A", "2");
  await b.call("PUT", "apps/A/1/status?value=DOWN");
  await b.call("DELETE", "apps/A/2");
  await b.register("A", "2");
  const delta = await b.delta();
  expect(delta.apps__hashcode).toBe("DOWN_1_UP_1_");
  expect(
    delta.application[0]?.instance.map(({ instanceId, actionType }) => [instanceId, actionType]),
  ).toEqual([
    ["1", "MODIFIED"],
    ["2", "ADDED"],
  ]);
  b.clock.advance(60_000);
  await b.call("PUT", "apps/A/1");
  await b.call("PUT", "apps/A/2");
  expect((await b.delta()).application).toHaveLength(1);
  b.clock.advance(1);
  expect(await b.delta()).toMatchObject({ apps__hashcode: "DOWN_1_UP_1_", application: [] });
});

test("the version counts renderings, so polls without a change get the same document", async () => {
  await using b = await bench();
  const versions = [(await b.delta()).versions__delta, (await b.delta()).versions__delta];
  await b.register("A", "1");
  versions.push((await b.delta()).versions__delta);
  expect(versions).toEqual(["1", "1", "2"]);
});

test("heartbeats are no change", async () => {
  await using b = await bench({ deltaRetentionMs: 1 });
  await b.register("A", "1");
  b.clock.advance(2);
  await b.call("PUT", "apps/A/1");
  expect((await b.delta()).application).toEqual([]);
});

test("delta: false answers 403, and full reads go on", async () => {
  await using b = await bench({ delta: false });
  await b.register("A", "1");
  expect((await b.call("GET", "apps/delta")).status).toBe(403);
  expect(await b.apps()).toHaveLength(1);
});

test("a window with more changes than can be kept answers 403 until it is whole again", async () => {
  await using b = await bench({ maxNodes: 1, deltaRetentionMs: 60_000 });
  for (const id of ["1", "2", "3"]) {
    await b.register("A", id);
    await b.call("DELETE", `apps/A/${id}`);
  }
  expect((await b.call("GET", "apps/delta")).status).toBe(403);
  b.clock.advance(60_000);
  expect((await b.call("GET", "apps/delta")).status).toBe(200);
});

test("an application may be called DELTA", async () => {
  await using b = await bench();
  await b.register("DELTA", "1");
  expect(await b.instance("DELTA", "1")).toBeDefined();
  expect((await b.call("GET", "apps/DELTA")).status).toBe(200);
});

test("wipe forgets nodes, overrides and deltas", async () => {
  await using b = await bench();
  await b.register("A", "1");
  await b.call("PUT", "apps/A/1/status?value=DOWN");
  b.server.wipe();
  expect(await b.apps()).toEqual([]);
  expect((await b.delta()).application).toEqual([]);
  expect((await b.call("PUT", "apps/A/1")).status).toBe(404);
  await b.register("A", "1");
  expect((await b.instance("A", "1"))?.status).toBe("UP");
});
