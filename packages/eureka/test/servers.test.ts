import { describe, expect, test } from "vitest";

import { parseServerUrl } from "../src/server-url.ts";
import { Servers } from "../src/servers.ts";

const [a, b, c] = ["http://a/", "http://b/", "http://c/"].map(parseServerUrl) as [
  ReturnType<typeof parseServerUrl>,
  ReturnType<typeof parseServerUrl>,
  ReturnType<typeof parseServerUrl>,
];

describe("the order of servers", () => {
  test("starts anywhere and sticks to what works", () => {
    expect(new Servers([a, b, c], () => 0).order()).toEqual([a, b, c]);
    const servers = new Servers([a, b, c], () => 0.5);
    expect(servers.order()).toEqual([b, c, a]);
    servers.succeeded(c);
    expect(servers.order()).toEqual([c, a, b]);
  });

  test("has servers that failed last, until they work again", () => {
    const servers = new Servers([a, b, c], () => 0);
    servers.failed(a);
    expect(servers.order()).toEqual([b, c, a]);
    servers.failed(b);
    expect(servers.order()).toEqual([c, a, b]);
    servers.succeeded(a);
    expect(servers.order()).toEqual([a, c, b]);
  });

  test("is whole again when all have failed", () => {
    const servers = new Servers([a, b, c], () => 0);
    for (const server of [a, b, c]) servers.failed(server);
    expect(servers.order()).toEqual([a, b, c]);
  });

  test("a single server is always tried", () => {
    const servers = new Servers([a], Math.random);
    servers.failed(a);
    expect(servers.order()).toEqual([a]);
  });
});
