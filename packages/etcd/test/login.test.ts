import { DiscoveryError } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { Login } from "../src/login.ts";
import { type EtcdConnectionOptions, resolveOptions } from "../src/options.ts";

/** A login whose clock stands still until it is moved. */
function login(
  answer: (name: string, password: string, call: number) => string | undefined,
  options: Partial<EtcdConnectionOptions> = {},
): { readonly login: Login; readonly calls: string[]; readonly pass: (ms: number) => void } {
  let nowMs = 1_700_000_000_000;
  const calls: string[] = [];
  const resolved = resolveOptions({
    hosts: "a",
    username: "u",
    password: "p",
    tokenTtlMs: 10_000,
    clock: { monotonicMs: () => nowMs, unixMs: () => nowMs, after: () => () => undefined },
    ...options,
  });
  return {
    calls,
    pass: (ms) => (nowMs += ms),
    login: new Login(resolved, async (name, password) => {
      calls.push(`${name}:${password}`);
      return Promise.resolve(answer(name, password, calls.length));
    }),
  };
}

const refused = (): never => {
  throw new DiscoveryError({ code: "AUTH", registry: "etcd", operation: "log in", reason: "no" });
};

describe("a token", () => {
  test("is asked for once by all who need it at the same time", async () => {
    const { login: one, calls } = login(() => "t");
    expect(await Promise.all([one.token(), one.token(), one.token()])).toEqual(["t", "t", "t"]);
    expect(calls).toEqual(["u:p"]);
  });

  test("is renewed before it runs out, and lives on while it is used", async () => {
    const { login: one, calls, pass } = login((_, __, call) => `t${call}`);
    expect(await one.token()).toBe("t1");
    for (let times = 0; times < 5; times += 1) {
      pass(7_000);
      expect(await one.token()).toBe("t1");
      one.used("t1");
    }
    pass(8_001);
    expect(await one.token()).toBe("t2");
    // The end of a call that began with the old one.
    one.used("t1");
    pass(8_001);
    expect(await one.token()).toBe("t3");
    expect(calls).toHaveLength(3);
  });

  test("that says when it ends is renewed before that, however much it is used", async () => {
    const claims = { exp: 1_700_000_100, username: "u" };
    const body = Buffer.from(JSON.stringify(claims)).toString("base64url");
    const { login: one, pass } = login((_, __, call) => `h.${body}.s${call}`);
    const first = await one.token();
    pass(79_000);
    expect(await one.token()).toBe(first);
    one.used(first);
    pass(2_000);
    expect(await one.token()).not.toBe(first);
  });

  test.each(["h.e30.s", "h.%%%.s", "h.bnVsbA.s", "simple.12"])(
    "such as %s tells nothing",
    async (token) => {
      const { login: one, calls, pass } = login(() => token);
      await one.token();
      pass(8_001);
      await one.token();
      expect(calls).toHaveLength(2);
    },
  );

  test("that a member does not know is replaced, once", async () => {
    const { login: one, calls } = login((_, __, call) => `t${call}`);
    await one.token();
    one.forget("t1");
    expect(await one.token()).toBe("t2");
    // The same news about the old one, from another call.
    one.forget("t1");
    expect(await one.token()).toBe("t2");
    expect(calls).toHaveLength(2);
  });
});

test("a refusal is believed for a second", async () => {
  const { login: one, calls, pass } = login(refused);
  await expect(one.token()).rejects.toMatchObject({ code: "AUTH" });
  await expect(one.token()).rejects.toMatchObject({ code: "AUTH" });
  expect(calls).toHaveLength(1);
  pass(1_000);
  await expect(one.token()).rejects.toMatchObject({ code: "AUTH" });
  expect(calls).toHaveLength(2);
});

test("a password function is asked for each token, and its errors stay inside", async () => {
  let count = 0;
  const password = (): string => {
    count += 1;
    if (count === 2) throw new Error("hunter2");
    return `p${count}`;
  };
  const { login: one, calls, pass } = login(() => "t", { password });
  await one.token();
  pass(10_000);
  const error: unknown = await one.token().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "AUTH", reason: "the password function failed" });
  expect(JSON.stringify(error)).not.toContain("hunter2");
  pass(10_000);
  await one.token();
  expect(calls).toEqual(["u:p1", "u:p3"]);
});

test("nobody is asked without a user name", async () => {
  const { login: one, calls } = login(() => "t", { username: undefined, password: undefined });
  expect(await one.token()).toBeUndefined();
  expect(calls).toEqual([]);
});
