import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { ProxyOptions } from "../src/index.ts";
import { deadNode, dialProxy, forwardTo, get, proxyWith, rawNode, talk } from "./wire.ts";

const framings = ["Content-Length: 5", "Transfer-Encoding: chunked"] as const;

/** A node that says `no` as soon as it has a POST's head, and `ok` to everything else. */
function refusingNode(onOpened?: () => void): ReturnType<typeof rawNode> {
  return rawNode((socket) => {
    onOpened?.();
    socket.on("data", (bytes) => {
      const isPost = bytes.toString("latin1").startsWith("POST ");
      socket.write(
        `HTTP/1.1 ${isPost ? "403 No" : "200 OK"}\r\nContent-Length: 2\r\n\r\n${isPost ? "no" : "ok"}`,
      );
    });
  });
}

describe.each(framings)("a node hears of a request before its body comes: %s", (framing) => {
  const post = `POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`;
  const isAnswered = (received: string): boolean => received.endsWith("no");

  test("over a new connection", async () => {
    await using node = await refusingNode();
    const address = await proxyWith({ route: () => forwardTo([node]) });
    assert.match(await talk(address, post, isAnswered), /^HTTP\/1\.1 403 /);
  });

  test("over a kept one", async () => {
    let opened = 0;
    await using node = await refusingNode(() => (opened += 1));
    const address = await proxyWith({ route: () => forwardTo([node]) });
    assert.match(await talk(address, get("/")), /ok$/);
    assert.match(await talk(address, post, isAnswered), /^HTTP\/1\.1 403 /);
    assert.equal(opened, 1);
  });

  test("when the decision takes time", async () => {
    await using node = await refusingNode();
    const route: ProxyOptions["route"] = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return forwardTo([node]);
    };
    const address = await proxyWith({ route });
    assert.match(await talk(address, post, isAnswered), /^HTTP\/1\.1 403 /);
    assert.match(await talk(address, post, isAnswered), /^HTTP\/1\.1 403 /);
  });

  test("after a node that was not reached", async () => {
    await using node = await refusingNode();
    const nodes = [await deadNode(), node];
    const address = await proxyWith({ route: () => forwardTo(nodes) });
    assert.match(await talk(address, post, isAnswered), /^HTTP\/1\.1 403 /);
  });
});

test("a body that comes after its head arrives whole", async () => {
  let received = "";
  await using node = await rawNode((socket) => {
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (received.endsWith("\r\n\r\n")) client.write("hello");
      if (received.endsWith("hello")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
  });
  const address = await proxyWith({ route: () => forwardTo([node]) });
  const client = dialProxy(address).on("error", () => undefined);
  client.write("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  await new Promise((resolve) => client.once("data", resolve));
  client.destroy();
  assert.match(received, /^PUT [^]*Content-Length: 5\r\n[^]*\r\n\r\nhello$/);
});
