import { networkInterfaces } from "node:os";

import { defineNode } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { addressPolicy, allowedNodes } from "../src/upstream/address-policy.ts";

const none = { allow: [], deny: [] };

describe("by default", () => {
  const policy = addressPolicy(none, [
    { host: "0.0.0.0", port: 9080 },
    { host: "127.0.0.1", port: 9090 },
    { host: "::1", port: 9443 },
  ]);
  const own = Object.values(networkInterfaces()).flat()[0]!.address;

  test.each<[host: string, port: number, allowed: boolean]>([
    ["127.0.0.1", 8080, true],
    ["10.1.2.3", 80, true],
    ["192.168.0.1", 80, true],
    ["8.8.8.8", 80, true],
    ["::1", 80, true],
    ["fd00::1", 80, true],
    ["orders.internal", 80, true],
    ["169.254.169.254", 80, false],
    ["fe80::1", 80, false],
    ["febf::1", 80, false],
    ["224.0.0.1", 80, false],
    ["239.255.255.255", 80, false],
    ["ff02::1", 80, false],
    ["0.0.0.0", 80, false],
    ["0.1.2.3", 80, false],
    ["::", 80, false],
    ["255.255.255.255", 80, false],
    ["::ffff:169.254.169.254", 80, false],
    ["::ffff:a9fe:a9fe", 80, false],
    ["64:ff9b::169.254.169.254", 80, false],
    ["127.0.0.1", 9080, false],
    ["localhost", 9080, false],
    ["LOCALHOST.", 9080, false],
    ["::1", 9080, false],
    ["::ffff:127.0.0.1", 9080, false],
    ["::ffff:7f00:1", 9080, false],
    [own, 9080, false],
    [own, 9081, true],
    ["127.0.0.1", 9090, false],
    ["::1", 9090, true],
    ["::1", 9443, false],
  ])("%s port %i: %s", (host, port, allowed) => {
    expect(policy.allows({ host, port })).toBe(allowed);
  });
});

test("deny goes before allow, allow before the defaults", () => {
  const policy = addressPolicy(
    {
      allow: ["169.254.0.0/16", "10.0.0.0/8", "fe80::/10"],
      deny: ["10.1.0.0/16", "169.254.169.254"],
    },
    [{ host: "127.0.0.1", port: 1 }],
  );
  expect(policy.allows({ host: "169.254.1.1", port: 80 })).toBe(true);
  expect(policy.allows({ host: "fe80::1", port: 80 })).toBe(true);
  expect(policy.allows({ host: "169.254.169.254", port: 80 })).toBe(false);
  expect(policy.allows({ host: "10.1.2.3", port: 80 })).toBe(false);
  expect(policy.allows({ host: "10.2.2.3", port: 80 })).toBe(true);
  expect(policy.allows({ host: "224.0.0.1", port: 80 })).toBe(false);
});

test("the array is the same while nothing is denied, and while nothing changes", () => {
  const filter = allowedNodes(addressPolicy(none, []));
  const node = (host: string): ReturnType<typeof defineNode> =>
    defineNode({ service: "s", host, port: 1 });
  const good = [node("10.0.0.1")];
  const mixed = [node("10.0.0.1"), node("169.254.169.254")];
  expect(filter(good)).toBe(good);
  expect(filter(mixed).map(({ host }) => host)).toEqual(["10.0.0.1"]);
  expect(filter(mixed)).toBe(filter(mixed));
});
