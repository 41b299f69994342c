import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { createProxy, type Forward, type ProxyOptions, type Reply } from "../src/index.ts";
import { forwardTo, get, proxyWith, rawNode, talk } from "./wire.ts";

const route = (): Forward => forwardTo([]);

/** What onError was told. */
class Told {
  readonly all: string[] = [];
  readonly onError = (error: unknown, from: string): void => {
    this.all.push(`${from}: ${error instanceof Error ? error.message : typeof error}`);
  };
}

describe("an option that cannot be used is refused by name, before anything opens", () => {
  test.each<[options: object, message: RegExp]>([
    [{}, /^route must be a function, got undefined$/],
    [{ route: "/" }, /^route must be a function, got "\/"$/],
    [{ route, maxHeadByte: 5 }, /^maxHeadByte is not an option; there are .*maxHeadBytes, /],
    [{ route, "a\nb": 5 }, /^"a\\nb" is not an option; /],
    [{ route, onCompleted: true }, /^onCompleted must be a function, got true$/],
    [{ route, allowAddress: ["a"] }, /^allowAddress must be a function, got \["a"\]$/],
    [{ route, halfClose: "yes" }, /^halfClose must be one of cancel, serve, got "yes"$/],
    [{ route, reads: "fast" }, /^reads must be one of shared, public, got "fast"$/],
    [{ route, reusePort: 1 }, /^reusePort must be true or false, got 1$/],
    [{ route, repeatMethods: "GET" }, /^repeatMethods must be a list, got "GET"$/],
    [{ route, repeatMethods: ["get"] }, /^repeatMethods must hold methods in capitals.*"get"$/],
    [{ route, repeatMethods: ["G T"] }, /^repeatMethods must hold methods in capitals.*"G T"$/],
    [{ route, trustedProxies: "::1" }, /^trustedProxies must be a list, got "::1"$/],
    [{ route, nodeTls: "ca.pem" }, /^nodeTls must be an object such as \{ ca \}$/],
    [{ route, nodeTls: { ca: "ca.pem" } }, /^TLS towards nodes: ca must be PEM: the text of the /],
  ])("%o", (options, message) => {
    assert.throws(() => createProxy(options as ProxyOptions), { message });
  });

  test("no options at all", () => {
    assert.throws(() => createProxy(undefined as unknown as ProxyOptions), {
      message: "options must be an object, got undefined",
    });
  });

  test("those of configure as well; nothing changes then", () => {
    const proxy = createProxy({ route });
    for (const settings of [{ halfClose: "no" }, { maxHead: 1 }, { repeatMethods: ["get"] }]) {
      assert.throws(() => proxy.configure(settings as object), /must |is not an option/);
    }
  });
});

describe("what route answers, and cannot be followed, is a 500 that onError can read", () => {
  const good = forwardTo([]);

  test.each<[what: string, answer: unknown, why: RegExp]>([
    ["nothing", undefined, /^route: route must answer \{ kind: "forward"/],
    ["null", null, /^route: route must answer \{ kind: "forward"/],
    ["a text", "http://a/", /^route: route must answer \{ kind: "forward"/],
    ["another kind", { ...good, kind: "redirect" }, /^route: route must answer \{ kind: "forward"/],
    ["no pick", { ...good, pick: undefined }, /^route: a forward's pick must be a function$/],
    ["no timeouts", { ...good, timeouts: undefined }, /^route: a forward's timeouts must /],
    [
      "a timeout that is none",
      { ...good, timeouts: { connectMs: 1, sendMs: 1, readMs: Number.NaN } },
      /^route: a forward's timeouts must /,
    ],
    [
      "a timeout without time",
      { ...good, timeouts: { connectMs: 0, sendMs: 1, readMs: 1 } },
      /^route: a forward's timeouts must /,
    ],
    ["retries without end", { ...good, retries: Number.NaN }, /^route: a forward's retries must /],
    ["another host", { ...good, host: "a.example" }, /^route: a forward's host must /],
    ["a host that is none", { ...good, host: null }, /^route: a forward's host must /],
  ])("%s", async (_what, answer, why) => {
    for (const decision of [answer, Promise.resolve(answer)]) {
      const told = new Told();
      const address = await proxyWith({
        route: () => decision as Forward | Reply,
        onError: told.onError,
      });
      assert.match(await talk(address, get("/")), /^HTTP\/1\.1 500 /);
      assert.match(told.all.join(), why);
    }
  });

  test.each<[what: string, attempt: unknown]>([
    ["a promise", Promise.resolve(undefined)],
    ["no node", { done: () => undefined }],
    ["nobody to tell the outcome", { node: { host: "127.0.0.1", port: 1, secure: false } }],
  ])("a pick that answers %s", async (_what, attempt) => {
    const told = new Told();
    await using node = await rawNode(() => assert.fail("a node was asked"));
    const address = await proxyWith({
      route: () => ({ ...forwardTo([node]), pick: () => attempt as undefined }),
      onError: told.onError,
    });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 500 /);
    assert.deepEqual(told.all, ["pick: pick must answer { node, done } or undefined"]);
  });
});

test("a proxy that is closed listens no more", async () => {
  const proxy = createProxy({ route });
  await proxy.close();
  await assert.rejects(proxy.listen({ host: "127.0.0.1", port: 0 }), /the proxy is closed/);
});
