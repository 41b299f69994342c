import { expect, test } from "vitest";

import { bench } from "./client.ts";

const seconds = 1000;
const shortLease = { leaseInfo: { renewalIntervalInSecs: 3, durationInSecs: 10 } };

test("a node that never renews is gone after its lease", async () => {
  await using b = await bench();
  await b.register("A", "1", shortLease);
  b.clock.advance(10 * seconds);
  expect(await b.apps()).toHaveLength(1);
  b.clock.advance(1 * seconds);
  expect(await b.apps()).toEqual([]);
  expect(b.changes.map((change) => change.type)).toEqual(["registered", "expired"]);
});

test("a node that renewed is gone after twice its lease", async () => {
  await using b = await bench();
  await b.register("A", "1", shortLease);
  expect((await b.call("PUT", "apps/A/1")).status).toBe(200);
  b.clock.advance(20 * seconds);
  expect(await b.apps()).toHaveLength(1);
  b.clock.advance(1 * seconds);
  expect(await b.apps()).toEqual([]);
});

test("exactLeases: once its lease, renewed or not", async () => {
  await using b = await bench({ exactLeases: true });
  await b.register("A", "1", shortLease);
  b.clock.advance(5 * seconds);
  await b.call("PUT", "apps/A/1");
  expect((await b.instance("A", "1"))?.leaseInfo["lastRenewalTimestamp"]).toBe(b.clock.unixMs());
  b.clock.advance(10 * seconds);
  expect(await b.apps()).toHaveLength(1);
  b.clock.advance(1 * seconds);
  expect(await b.apps()).toEqual([]);
});

test("heartbeats keep a node for ever", async () => {
  await using b = await bench({ exactLeases: true });
  await b.register("A", "1", shortLease);
  for (let beat = 0; beat < 50; beat += 1) {
    b.clock.advance(9 * seconds);
    expect((await b.call("PUT", "apps/A/1?status=UP")).status).toBe(200);
  }
  expect(b.changes).toHaveLength(1);
});

test("a metadata update and a registration start the lease anew", async () => {
  await using b = await bench();
  await b.register("A", "1", shortLease);
  await b.register("A", "2", shortLease);
  b.clock.advance(8 * seconds);
  await b.call("PUT", "apps/A/1/metadata?k=v");
  await b.register("A", "2", shortLease);
  b.clock.advance(10 * seconds);
  expect(await b.apps()).toHaveLength(2);
  b.clock.advance(1 * seconds);
  expect(await b.apps()).toEqual([]);
});

test("a step of the wall clock expires nothing", async () => {
  await using b = await bench();
  await b.register("A", "1", shortLease);
  b.clock.stepUnix(365 * 86_400 * seconds);
  b.clock.advance(5 * seconds);
  expect(await b.apps()).toHaveLength(1);
});

test("evictionIntervalMs decides when the end is noticed", async () => {
  await using b = await bench({ evictionIntervalMs: 60 * seconds });
  await b.register("A", "1", shortLease);
  b.clock.advance(59 * seconds);
  expect(await b.apps()).toHaveLength(1);
  b.clock.advance(1 * seconds);
  expect(await b.apps()).toEqual([]);
});

test("an expired node is DELETED in the delta, and its heartbeat is answered with 404", async () => {
  await using b = await bench();
  await b.register("A", "1", shortLease);
  b.clock.advance(11 * seconds);
  const delta = await b.delta();
  expect(delta.apps__hashcode).toBe("");
  expect(delta.application[0]?.instance[0]).toMatchObject({
    instanceId: "1",
    actionType: "DELETED",
    leaseInfo: { evictionTimestamp: b.clock.unixMs() },
  });
  expect((await b.call("PUT", "apps/A/1")).status).toBe(404);
});

test("selfPreservation keeps what fell silent while too few renew", async () => {
  await using b = await bench({ selfPreservation: true });
  for (const id of ["1", "2", "3", "4"]) await b.register("A", id, shortLease);
  for (let minute = 0; minute < 2; minute += 1) {
    for (const id of ["1", "1", "1", "2", "2", "2"]) await b.call("PUT", `apps/A/${id}`);
    b.clock.advance(60 * seconds);
  }
  // 6 renewals a minute, where 4 nodes ought to send 8 and 85 % of them are enough.
  expect(await b.apps()).toHaveLength(4);
  for (const id of ["1", "1", "1", "1", "2", "2", "2", "2"]) await b.call("PUT", `apps/A/${id}`);
  b.clock.advance(60 * seconds);
  b.clock.advance(1 * seconds);
  expect((await b.apps()).length).toBeLessThan(4);
});
