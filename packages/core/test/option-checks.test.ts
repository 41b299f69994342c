import type { DiscoveryError } from "@rollcall/core";
import { optionChecks, show } from "@rollcall/core/adapter";
import { describe, expect, test } from "vitest";

const check = optionChecks("mine");
const names = { name: true, ttlMs: true } as const;

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: "INVALID", registry: "mine" });
    return (thrown as DiscoveryError).reason;
  }
  return "accepted";
}

test("what is not given has its default", () => {
  expect(check.section("options", undefined, names)).toEqual({});
  expect(check.text("name", undefined, 5)).toBeUndefined();
  expect(check.secret("key", undefined)).toBeUndefined();
  expect(check.texts("tags", undefined, [1, 1])).toEqual([]);
  expect(check.integer("n", undefined, [7, 1, 9])).toBe(7);
  expect(check.number("n", undefined, [0.5, 0, 1])).toBe(0.5);
  expect(check.weight("weight", undefined)).toBe(100);
  expect(check.weight("weight", undefined, 1)).toBe(1);
  expect(check.flag("flag", undefined, true)).toBe(true);
  expect(check.choice("kind", undefined, ["a", "b"])).toBe("a");
  expect(check.callback("random", undefined, Math.random)).toBe(Math.random);
  expect(check.tls(undefined)).toBeUndefined();
});

test("what fits is taken as it is", () => {
  const options = { name: "x", ttlMs: undefined };
  expect(check.section("options", options, names)).toBe(options);
  expect(check.text("name", "abcde", 5)).toBe("abcde");
  expect(check.secret("key", "\u0001")).toBe("\u0001");
  expect(check.texts("tags", ["a", "b"], [2, 1])).toEqual(["a", "b"]);
  expect(check.integer("n", 9, [7, 1, 9])).toBe(9);
  expect(check.number("n", 0.25, [0.5, 0, 1])).toBe(0.25);
  expect(check.weight("weight", 0)).toBe(0);
  expect(check.flag("flag", false, true)).toBe(false);
  expect(check.choice("kind", "b", ["a", "b"])).toBe("b");
  expect(check.tls({ serverName: "a", verify: false })).toEqual({ serverName: "a", verify: false });
});

describe("what does not fit is refused with its name, what it must be, and its value", () => {
  test.each<readonly [string, () => unknown]>([
    ["options must be an object, got null", () => check.section("options", null!, names)],
    ["options must be an object, got a list", () => check.section("options", [] as never, names)],
    [
      "ttl is not an option; there are name, ttlMs",
      () => check.section("options", { ttl: 5 } as never, names),
    ],
    [
      "lease.ttl is not an option; there are name, ttlMs",
      () => check.section("lease", { ttl: 5 } as never, names),
    ],
    [
      '"a b" is not an option; there are name, ttlMs',
      () => check.section("options", { "a b": 5 } as never, names),
    ],
    [
      "toString is not an option; there are name, ttlMs",
      () => check.section("options", { toString: 5 } as never, names),
    ],
    [
      'name must be a text of 1 to 5 characters without control characters, got "abcdef"',
      () => check.text("name", "abcdef", 5),
    ],
    [
      'name must be a text of 1 to 5 characters without control characters, got "\\n"',
      () => check.text("name", "\n", 5),
    ],
    ["key must be a text of 1 to 4096 characters", () => check.secret("key", 5)],
    ["tags must be a list of at most 1 texts", () => check.texts("tags", ["a", "b"], [1, 1])],
    ["tags[1] must be a text", () => check.texts("tags", ["a", undefined], [2, 1])],
    ["n must be a whole number from 1 to 9, got 1.5", () => check.integer("n", 1.5, [7, 1, 9])],
    ["n must be a whole number from 1 to 9, got 10", () => check.integer("n", 10, [7, 1, 9])],
    ["n must be a number from 0 to 1, got NaN", () => check.number("n", Number.NaN, [0, 0, 1])],
    ["weight must be a finite number >= 0, got Infinity", () => check.weight("weight", Infinity)],
    ["flag must be true or false, got 1", () => check.flag("flag", 1, true)],
    ['kind must be one of a, b, got "c"', () => check.choice("kind", "c", ["a", "b"])],
    ["random must be a function, got 4", () => check.callback("random", 4 as never, () => 1)],
    ['tls must be an object, got "ca"', () => check.tls("ca" as never)],
    [
      "tls.caFile is not an option; there are ca, cert, key, serverName, verify",
      () => check.tls({ caFile: "x" } as never),
    ],
    ['tls.verify must be true or false, got "no"', () => check.tls({ verify: "no" } as never)],
    ["tls.cert and tls.key must be given together", () => check.tls({ cert: "x" })],
  ])("%s", (expected, run) => {
    expect(refusal(run)).toBe(expected);
  });
});

test("a value is shown short, and never what an object holds", () => {
  const secret = { password: "hunter2" };
  expect([secret, [secret], () => secret, 5n, undefined, null, Symbol("s")].map(show)).toEqual([
    "an object",
    "a list",
    "a function",
    "5n",
    "undefined",
    "null",
    "Symbol(s)",
  ]);
  expect(show("x".repeat(1_000))).toHaveLength(82);
  expect(show(10n ** 200n)).toHaveLength(80);
});
