import { describe, expect, test } from "vitest";

import { createRouter, type RouteMatch } from "../src/routing/router.ts";

interface Named extends RouteMatch {
  readonly id: string;
}

function route(id: string, uris: string | string[], rest: Partial<RouteMatch> = {}): Named {
  return { id, uris: [uris].flat(), hosts: [], methods: [], priority: 0, ...rest };
}

function matched(routes: Named[], path: string, host?: string, method = "GET"): string | undefined {
  return createRouter(routes).match(method, host, path)?.id;
}

describe("paths", () => {
  const blog = [
    route("all", "/blog/foo/*"),
    route("a", "/blog/foo/a/*"),
    route("c", "/blog/foo/c/*"),
    route("bar", "/blog/foo/bar"),
  ];
  test.each([
    ["/blog/foo/bar", "bar"],
    ["/blog/foo/a/b/c", "a"],
    ["/blog/foo/c/d", "c"],
    ["/blog/foo/gloo", "all"],
    ["/blog/foo/bar/", "all"],
    ["/blog/bar", undefined],
    ["/blog/foo", undefined],
    ["/blog/foo/", "all"],
    ["/Blog/foo/bar", undefined],
  ])("%s reaches %s, in whatever order they are written", (path, id) => {
    expect(matched(blog, path)).toBe(id);
    expect(matched(blog.toReversed(), path)).toBe(id);
  });

  test.each([
    ["/a*", "/a", true],
    ["/a*", "/ab", true],
    ["/a*", "/a/b", true],
    ["/a/*", "/a", false],
    ["/a/*", "/a/", true],
    ["/a/*", "/a/x/y", true],
    ["/hello", "/hello/", false],
    ["/*", "/", true],
    ["/file:list", "/file:list", true],
    ["/user/:name", "/user/x", false],
  ])("%s and %s", (uri, path, fits) => {
    expect(matched([route("r", uri)], path)).toBe(fits ? "r" : undefined);
  });

  test("priority decides only among equal paths", () => {
    const routes = [
      route("low", "/x", { priority: 1 }),
      route("high", "/x", { priority: 2 }),
      route("prefix", "/*", { priority: 99 }),
    ];
    expect(matched(routes, "/x")).toBe("high");
  });

  test("among equals the first written goes first", () => {
    expect(matched([route("one", "/x"), route("two", "/x")], "/x")).toBe("one");
  });

  test("a method that does not fit gives way to the next candidate", () => {
    const routes = [
      route("post", "/x/y", { methods: ["POST"] }),
      route("put", "/x/*", { methods: ["PUT"] }),
      route("any", "/*"),
    ];
    expect(matched(routes, "/x/y", undefined, "POST")).toBe("post");
    expect(matched(routes, "/x/y", undefined, "PUT")).toBe("put");
    expect(matched(routes, "/x/y")).toBe("any");
  });
});

describe("hosts", () => {
  const routes = [
    route("any", "/exact"),
    route("foo", "/*", { hosts: ["foo.com"] }),
    route("sub", "/*", { hosts: ["*.foo.com"] }),
    route("deep", "/*", { hosts: ["*.b.foo.com"] }),
    route("v6", "/*", { hosts: ["[::1]"] }),
  ];
  test.each([
    ["foo.com", "foo"],
    ["FOO.com:8080", "foo"],
    ["foo.com.", "foo"],
    ["a.foo.com", "sub"],
    ["a.b.foo.com", "deep"],
    [".foo.com", "sub"],
    ["xfoo.com", undefined],
    ["bar.com", undefined],
    ["[::1]:9080", "v6"],
    ["[::1]", "v6"],
    [undefined, undefined],
  ])("%s reaches %s", (host, id) => {
    expect(matched(routes, "/x", host)).toBe(id);
  });

  test("a host route with /* goes before a host-less exact path", () => {
    expect(matched(routes, "/exact", "foo.com")).toBe("foo");
    expect(matched(routes, "/exact", "bar.com")).toBe("any");
  });

  test("a host route that does not fit gives way to less specific hosts", () => {
    const some = [
      route("exact", "/x", { hosts: ["a.foo.com"], methods: ["POST"] }),
      route("wild", "/y", { hosts: ["*.foo.com"] }),
      route("none", "/*"),
    ];
    expect(matched(some, "/x", "a.foo.com")).toBe("none");
    expect(matched(some, "/y", "a.foo.com")).toBe("wild");
  });
});
