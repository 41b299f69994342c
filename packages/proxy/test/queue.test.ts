import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";

import { describe, test } from "vitest";

import { forwardTo, get, httpNode, proxyWith, talk, until } from "./wire.ts";

interface Held {
  readonly node: Awaited<ReturnType<typeof httpNode>>;
  /** Connections made so far. */
  readonly connections: () => number;
  readonly waiting: ServerResponse[];
}

/** A node that answers when it is told to. */
async function heldNode(): Promise<Held> {
  const waiting: ServerResponse[] = [];
  const node = await httpNode((_request, response) => void waiting.push(response));
  let connections = 0;
  node.server.on("connection", () => (connections += 1));
  return { node, connections: () => connections, waiting };
}

describe("a bound on connections to a node", () => {
  test("makes further requests wait their turn", async () => {
    const { node, connections, waiting } = await heldNode();
    await using _node = node;
    const address = await proxyWith({ route: () => forwardTo([node]), maxConnectionsPerNode: 1 });
    const answers = ["/1", "/2", "/3"].map((target) => talk(address, get(target)));
    for (let served = 1; served <= 3; served += 1) {
      await until(() => waiting.length === 1, `request ${served}`);
      assert.equal(connections(), 1);
      waiting.pop()?.end(`answer ${served}`);
    }
    const texts = await Promise.all(answers);
    assert.ok(texts.every((text) => text.startsWith("HTTP/1.1 200 ")));
  });

  test("makes those that find no place, or wait too long, try another node", async () => {
    const { node, waiting } = await heldNode();
    await using _node = node;
    await using other = await httpNode((_request, response) => response.end("other"));
    const address = await proxyWith({
      route: ({ target }) => forwardTo(target === "/1" ? [node] : [node, other]),
      maxConnectionsPerNode: 1,
      maxQueuePerNode: 0,
    });
    const first = talk(address, get("/1"));
    await until(() => waiting.length === 1, "the first request");
    assert.match(await talk(address, get("/2")), /other$/);
    waiting.pop()?.end("first");
    assert.match(await first, /first$/);
  });

  test("is a 503 when nothing becomes free in time", async () => {
    const { node, waiting } = await heldNode();
    await using _node = node;
    const outcomes: string[] = [];
    const address = await proxyWith({
      route: ({ target }) => forwardTo([node], target === "/2" ? outcomes : []),
      maxConnectionsPerNode: 1,
      queueTimeoutMs: 50,
    });
    const first = talk(address, get("/1"));
    await until(() => waiting.length === 1, "the first request");
    const second = await talk(address, get("/2"));
    assert.match(second, /^HTTP\/1\.1 503 /);
    assert.match(second, /"code":"NODES_BUSY"/);
    assert.deepEqual(outcomes, ["cancelled"]);
    waiting.pop()?.end("first");
    assert.match(await first, /first$/);
  });

  test("a client that leaves gives up its place", async () => {
    const { node, waiting } = await heldNode();
    await using _node = node;
    const outcomes: string[] = [];
    const address = await proxyWith({
      route: ({ target }) => forwardTo([node], target === "/2" ? outcomes : []),
      maxConnectionsPerNode: 1,
    });
    const first = talk(address, get("/1"));
    await until(() => waiting.length === 1, "the first request");
    const leaving = fetch(`http://127.0.0.1:${address.port}/2`, {
      signal: AbortSignal.timeout(50),
    });
    await assert.rejects(leaving);
    await until(() => outcomes.length === 1, "the end of the second");
    assert.deepEqual(outcomes, ["cancelled"]);
    waiting.pop()?.end("first");
    assert.match(await first, /first$/);
    assert.equal(waiting.length, 0);
  });
});
