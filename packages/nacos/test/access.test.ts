import assert from "node:assert/strict";

import type { DiscoveryError } from "@rollcall/core";
import { type Clock, systemClock } from "@rollcall/core/adapter";
import { describe, expect, test } from "vitest";

import { Access } from "../src/access.ts";
import { HttpExchange } from "../src/http-exchange.ts";
import { type NacosOptions, resolveOptions } from "../src/options.ts";
import { type HttpAnswer, type HttpHeard, startHttpServer } from "./http-server.ts";

const key = { group: "DEFAULT_GROUP", service: "orders" };
const ttlSeconds = 100;

/** Gives out `t1`, `t2`… to the right password, as version 3 does. */
function tokens(): (request: HttpHeard) => HttpAnswer {
  let count = 0;
  return ({ path, form }) => {
    if (path !== "/nacos/v3/auth/user/login") return undefined;
    if (form["password"] !== "hunter2") return [403, { message: "Access Denied" }];
    count += 1;
    return [200, { accessToken: `t${count}`, tokenTtl: ttlSeconds }];
  };
}

async function withAccess(
  respond: (request: HttpHeard) => HttpAnswer,
  options: Partial<NacosOptions>,
  body: (bench: {
    token: () => Promise<string | undefined>;
    access: Access;
    pass: (ms: number) => void;
    heard: readonly HttpHeard[];
    resolved: ReturnType<typeof resolveOptions>;
  }) => Promise<void>,
): Promise<void> {
  await using server = await startHttpServer(respond);
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs, unixMs: () => 1_000 };
  const resolved = resolveOptions({ servers: server.url, clock, random: () => 0, ...options });
  const exchange = new HttpExchange(resolved);
  const access = new Access(resolved, exchange);
  const [first] = resolved.servers;
  assert.ok(first !== undefined);
  await body({
    access,
    resolved,
    heard: server.heard,
    pass: (ms) => (nowMs += ms),
    token: async () => (await access.identity(first, key, AbortSignal.timeout(30_000))).token,
  });
  access.close();
  await exchange.close();
}

const login = { username: "ann", password: "hunter2" };

describe("a token", () => {
  test("is fetched once for all who want it, with the password in the body", () =>
    withAccess(tokens(), login, async ({ token, heard }) => {
      assert.deepEqual(await Promise.all([token(), token(), token()]), ["t1", "t1", "t1"]);
      assert.equal(heard.length, 1);
      assert.deepEqual(heard[0]?.form, { ...login });
      assert.deepEqual(heard[0]?.query, {});
    }));

  test("is renewed before it runs out", () =>
    withAccess(tokens(), login, async ({ token, pass }) => {
      assert.equal(await token(), "t1");
      pass(ttlSeconds * 890);
      assert.equal(await token(), "t1");
      pass(ttlSeconds * 20);
      assert.equal(await token(), "t2");
    }));

  test("is used to its end while no new one can be had", async () => {
    let isDown = false;
    const give = tokens();
    const respond = (request: HttpHeard): HttpAnswer => (isDown ? [503, "down"] : give(request));
    await withAccess(respond, login, async ({ token, pass }) => {
      assert.equal(await token(), "t1");
      isDown = true;
      pass(ttlSeconds * 950);
      assert.equal(await token(), "t1");
      pass(ttlSeconds * 60);
      await expect(token()).rejects.toMatchObject({ code: "UNAVAILABLE" });
      isDown = false;
      assert.equal(await token(), "t2");
    });
  });

  test("that is refused is fetched anew, unless it is new", () =>
    withAccess(tokens(), login, async ({ token, access, pass, resolved }) => {
      const [server] = resolved.servers;
      assert.ok(server !== undefined);
      assert.equal(await token(), "t1");
      assert.equal(access.refused(server, { token: "t1" }), false);
      pass(2_000);
      assert.equal(access.refused(server, { token: "t1" }), true);
      assert.equal(await token(), "t2");
      // Somebody else has noticed already.
      assert.equal(access.refused(server, { token: "t1" }), true);
      assert.equal(await token(), "t2");
    }));

  test.each(["/nacos/v1/auth/login", "/nacos/v1/auth/users/login"])(
    "is asked for at %s where version 3 is not there",
    (path) =>
      withAccess(
        (request) =>
          request.path === path ? [200, { accessToken: "old", tokenTtl: 18_000 }] : undefined,
        login,
        async ({ token }) => assert.equal(await token(), "old"),
      ),
  );

  test("is asked for with what a function says, each time", async () => {
    const asked: string[] = [];
    const password = async (): Promise<string> => {
      asked.push("asked");
      return "hunter2";
    };
    await withAccess(tokens(), { username: "ann", password }, async ({ token, pass }) => {
      await token();
      pass(ttlSeconds * 990);
      assert.equal(await token(), "t2");
      assert.equal(asked.length, 2);
    });
  });
});

describe("a log-in", () => {
  test.each<readonly [string, HttpAnswer, string]>([
    ["403", [403, { message: "hunter2 is wrong" }], "AUTH"],
    ["500, as for a known user", [500, { message: "hunter2" }], "AUTH"],
    ["400", [400, "hunter2"], "AUTH"],
    ["503", [503, "starting"], "UNAVAILABLE"],
    ["429", [429, ""], "UNAVAILABLE"],
    ["no JSON", [200, "hello"], "PROTOCOL"],
    ["no token", [200, { accessToken: 7, tokenTtl: 1 }], "PROTOCOL"],
    ["a token that is no header", [200, { accessToken: "a\r\nb", tokenTtl: 1 }], "PROTOCOL"],
    ["a token of no duration", [200, { accessToken: "a", tokenTtl: "soon" }], "PROTOCOL"],
    ["nothing anywhere", undefined, "PROTOCOL"],
  ])("answered %s never shows the password", async (_, answer, code) => {
    await withAccess(
      () => answer,
      login,
      async ({ token }) => {
        try {
          await token();
          assert.fail("nothing was refused");
        } catch (error) {
          assert.equal((error as DiscoveryError).code, code);
          assert.ok(!(error as Error).message.includes("hunter2"));
        }
      },
    );
  });

  test("with a password function that fails is AUTH, and what it said stays with it", async () => {
    const password = (): never => {
      throw new Error("vault says hunter2");
    };
    await withAccess(tokens(), { username: "ann", password }, async ({ token }) => {
      await expect(token()).rejects.toMatchObject({ code: "AUTH" });
      await expect(token()).rejects.not.toThrow(/hunter2/);
    });
  });
});

test("keys sign each request, and nobody logs in for them", () =>
  withAccess(
    tokens(),
    { accessKey: "AK", secretKey: "SK" },
    async ({ access, resolved, heard }) => {
      const [server] = resolved.servers;
      assert.ok(server !== undefined);
      const { token, signature } = await access.identity(server, key, AbortSignal.timeout(1_000));
      assert.equal(token, undefined);
      assert.equal(signature?.ak, "AK");
      assert.equal(signature.data, "1000@@DEFAULT_GROUP@@orders");
      assert.deepEqual(heard, []);
    },
  ));
