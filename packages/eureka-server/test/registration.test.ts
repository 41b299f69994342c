import { expect, test } from "vitest";

import { decodeRegistration } from "../src/instance-decode.ts";
import { Refusal } from "../src/refusal.ts";
import { bench, registration } from "./client.ts";

const ownCenter = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo";
const amazon = "com.netflix.appinfo.AmazonInfo";

function decode(fields: Readonly<Record<string, unknown>>): ReturnType<typeof decodeRegistration> {
  return decodeRegistration(registration("A", "1", fields), "A", 1234);
}

test.each<[unknown, number, boolean]>([
  [undefined, 7001, true],
  [null, 7001, true],
  [{}, 7001, true],
  [{ $: 80 }, 80, true],
  [{ $: "80", "@enabled": "false" }, 80, false],
  [{ $: 80, "@enabled": true }, 80, true],
  [{ $: 80, "@enabled": 1 }, 80, true],
  [{ $: 80, "@enabled": "TRUE" }, 80, false],
  [{ $: null, "@enabled": null }, 0, false],
  [{ $: -1, "@enabled": "true" }, -1, true],
  [{ $: 99_999, "@enabled": "true" }, 99_999, true],
  [{ $: "abc", "@enabled": "true" }, 0, true],
  [{ $: 80.7 }, 80, true],
])("port %j is read as %i, enabled: %s", (port, number, enabled) => {
  expect(decode({ port }).port).toEqual({ number, enabled });
});

test.each<[unknown, number, number]>([
  [undefined, 30, 90],
  [null, 30, 90],
  [{ renewalIntervalInSecs: "5", durationInSecs: "7" }, 5, 7],
  [{ renewalIntervalInSecs: 0, durationInSecs: -1 }, 30, 90],
  [{ durationInSecs: 7, evictionTimestamp: 9 }, 30, 7],
  [{ renewalIntervalInSecs: "x", durationInSecs: 2.9 }, 30, 2],
])("leaseInfo %j is %i s and %i s", (leaseInfo, renewalIntervalSeconds, durationSeconds) => {
  expect(decode({ leaseInfo })).toMatchObject({ renewalIntervalSeconds, durationSeconds });
});

test.each<[Readonly<Record<string, unknown>>, string]>([
  [{ instanceId: undefined, hostName: "" }, "Missing instanceId"],
  [{ hostName: undefined }, "Missing hostname"],
  [{ ipAddr: null }, "Missing ip address"],
  [{ dataCenterInfo: undefined }, "Missing dataCenterInfo"],
  [{ dataCenterInfo: { "@class": ownCenter } }, "Missing dataCenterInfo Name"],
  [{ app: "B" }, "Mismatched appName, expecting A but was B"],
  [{ app: undefined }, '{"error": "cannot parse request body"}'],
  [
    { dataCenterInfo: { "@class": ownCenter, name: "x" } },
    '{"error": "cannot parse request body"}',
  ],
  [
    { dataCenterInfo: { "@class": ownCenter, name: "MyOwn", metadata: {} } },
    '{"error": "cannot parse request body"}',
  ],
  [
    { dataCenterInfo: { "@class": amazon, name: "Amazon" } },
    '{"error": "cannot parse request body"}',
  ],
])("%j is refused with %s", (fields, reason) => {
  let thrown: unknown;
  try {
    decode(fields);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(Refusal);
  expect(thrown).toMatchObject({ status: 400, body: reason });
});

test.each<[Readonly<Record<string, unknown>>, string, string | undefined]>([
  [{}, "1", "1"],
  [{ instanceId: undefined }, "host", undefined],
  [{ instanceId: "" }, "host", ""],
  [
    {
      instanceId: undefined,
      dataCenterInfo: { "@class": amazon, name: "Amazon", metadata: { "instance-id": "i-9" } },
    },
    "i-9",
    undefined,
  ],
])("%j is known as %s", (fields, id, instanceId) => {
  expect(decode(fields)).toMatchObject({ id, instanceId });
});

test("an Amazon record without its own id gets the one it registers under", () => {
  const dataCenterInfo = { "@class": amazon, name: "Amazon", metadata: { zone: "z" } };
  expect([...decode({ dataCenterInfo }).dataCenterInfo.metadata!]).toEqual([
    ["zone", "z"],
    ["instance-id", "1"],
  ]);
});

test("optional fields come back in the types of the real server", async () => {
  await using b = await bench();
  await b.register("a", "1", {
    sid: "s",
    countryId: "9",
    appGroupName: "group",
    homePageUrl: "http://h/",
    secureHealthCheckUrl: 5,
    vipAddress: "v",
    isCoordinatingDiscoveryServer: true,
    asgName: "asg",
    lastDirtyTimestamp: "77",
    securePort: { $: "8443", "@enabled": true },
    unknown: { x: [1] },
  });
  const { text } = await b.call("GET", "apps/A/1");
  expect(JSON.parse(text)).toEqual({
    instance: {
      instanceId: "1",
      hostName: "host",
      app: "A",
      ipAddr: "127.0.0.1",
      sid: "s",
      status: "UP",
      overriddenStatus: "UNKNOWN",
      port: { $: 8080, "@enabled": "true" },
      securePort: { $: 8443, "@enabled": "true" },
      countryId: 9,
      dataCenterInfo: { "@class": ownCenter, name: "MyOwn" },
      leaseInfo: {
        renewalIntervalInSecs: 30,
        durationInSecs: 90,
        registrationTimestamp: b.clock.unixMs(),
        lastRenewalTimestamp: b.clock.unixMs(),
        evictionTimestamp: 0,
        serviceUpTimestamp: b.clock.unixMs(),
      },
      metadata: { "@class": "java.util.Collections$EmptyMap" },
      appGroupName: "GROUP",
      homePageUrl: "http://h/",
      secureHealthCheckUrl: "5",
      vipAddress: "v",
      isCoordinatingDiscoveryServer: "true",
      lastUpdatedTimestamp: String(b.clock.unixMs()),
      lastDirtyTimestamp: "77",
      actionType: "ADDED",
      asgName: "asg",
    },
  });
});

test("changes tell the address a client would call", async () => {
  await using b = await bench();
  await b.register("orders", "1", { securePort: { $: 8443, "@enabled": "true" } });
  await b.register("orders", "2", { status: "STARTING" });
  await b.register("orders", "2");
  await b.call("PUT", "apps/ORDERS/2/metadata?k=v");
  await b.call("DELETE", "apps/orders/2");
  expect(b.changes).toEqual([
    change("registered", "1", 8443, "UP"),
    change("registered", "2", 8080, "STARTING"),
    change("status", "2", 8080, "UP"),
    change("updated", "2", 8080, "UP"),
    change("left", "2", 8080, "UP"),
  ]);
});

function change(type: string, id: string, port: number, status: string): object {
  return { type, service: "ORDERS", id, host: "127.0.0.1", port, status };
}
