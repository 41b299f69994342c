import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { contextPath, parseServerUrl, ServerUrlError } from "../src/server-url.ts";
import { Servers } from "../src/servers.ts";

describe("a server's URL", () => {
  test.each([
    ["http://nacos:8848", { host: "nacos", port: 8848, secure: false, prefix: "/nacos" }],
    ["https://nacos", { host: "nacos", port: 443, secure: true, prefix: "/nacos" }],
    ["http://nacos", { host: "nacos", port: 80, secure: false, prefix: "/nacos" }],
    ["http://nacos:8848/", { host: "nacos", port: 8848, secure: false, prefix: "/nacos" }],
    ["http://nacos:8848/other/v1/", { host: "nacos", port: 8848, secure: false, prefix: "/other" }],
    [" http://[::1]:8848 ", { host: "::1", port: 8848, secure: false, prefix: "/nacos" }],
  ])("%s", (text, expected) => {
    const { host, port, secure, prefix } = parseServerUrl(text, "/nacos");
    assert.deepEqual({ host, port, secure, prefix }, expected);
  });

  test.each([
    ["ann:secret", { username: "ann", password: "secret" }],
    ["ann:p@ss:word", { username: "ann", password: "p@ss:word" }],
    ["ann:a/b?c#d", { username: "ann", password: "a/b?c#d" }],
    ["ann:100%", { username: "ann", password: "100%" }],
    ["ann:%40%zz%C3%A9", { username: "ann", password: "@%zzé" }],
    ["ann:%FF", { username: "ann", password: "%FF" }],
    ["ann", { username: "ann", password: "" }],
    ["an%3An:x", { username: "an:n", password: "x" }],
  ])("with user information %s", (userInfo, credentials) => {
    const server = parseServerUrl(`http://${userInfo}@nacos:8848`, "");
    assert.deepEqual({ ...server.credentials }, credentials);
    assert.equal(server.origin, "http://nacos:8848");
  });

  test.each([
    "",
    "nacos:8848",
    "ftp://nacos",
    "http://",
    "http:///nacos",
    "http://a b",
    "http://x?y",
    "http://u:p@",
  ])("%s is refused", (text) => {
    assert.throws(() => parseServerUrl(text, ""), ServerUrlError);
  });

  test("never shows a password in its complaint", () => {
    assert.throws(
      () => parseServerUrl("http://ann:hunter2@no host", ""),
      (error: Error) => !error.message.includes("hunter2"),
    );
  });

  test.each([
    ["/nacos", "/nacos"],
    ["/nacos/v1/", "/nacos"],
    ["/v1", ""],
    ["/", ""],
    ["/a/b/", "/a/b"],
  ])("prefix %s is context path %s", (prefix, path) => {
    assert.equal(contextPath(prefix), path);
  });
});

test("servers are asked from a random one on, the good ones first", () => {
  const [a, b, c] = ["a", "b", "c"].map((host) => parseServerUrl(`http://${host}`, ""));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const servers = new Servers([a, b, c], () => 0.5);
  assert.deepEqual(servers.order(), [b, c, a]);
  servers.failed(b);
  assert.deepEqual(servers.order(), [c, a, b]);
  servers.succeeded(a);
  assert.deepEqual(servers.order(), [a, c, b]);
});
