import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

import { describe, test } from "vitest";

import { createProxy, type Forward, type Reply, type UpstreamNode } from "../src/index.ts";
import { Random } from "./fuzz/random.ts";
import { deadNode, dialProxy, forwardTo, listenOn, rawNode, until } from "./wire.ts";

// Whatever clients and nodes do to each other, each pick is done once, each exchange told once, and nothing is left.

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/** What a node does with a request, each by chance. */
const behaviours: readonly ((socket: Socket) => void)[] = [
  (socket) => void socket.write(ok),
  (socket) => void socket.write(ok),
  (socket) => void socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${ok}`),
  (socket) => void socket.write(`${ok}and more`),
  (socket) => void socket.end(ok),
  (socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\nuntil the end"),
  (socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nhalf"),
  (socket) =>
    void socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz"),
  (socket) => void socket.write("nonsense"),
  (socket) =>
    void socket.write("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
  (socket) =>
    void socket.write("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
  (socket) => void socket.end(),
  (socket) => void socket.resetAndDestroy(),
  () => undefined,
];

const requests: readonly string[] = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.0\r\n\r\n",
  "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nhalf",
  "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
  "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n",
  "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes",
  "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /fails HTTP/1.1\r\nHost: a\r\n\r\n",
  "nonsense\r\n\r\n",
];

/** What a client does after some turns of the event loop, each by chance. */
const endings: readonly ((socket: Socket) => void)[] = [
  (socket) => void socket.end(),
  (socket) => void socket.destroy(),
  // One that speaks TLS cannot be reset by itself.
  (socket) => void (socket instanceof TLSSocket ? socket.destroy() : socket.resetAndDestroy()),
  (socket) => void socket.resume(),
];

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done));
}

describe.each([
  [1, "plain"],
  [2, "plain"],
  [3, "plain"],
  [4, "tls"],
] as const)("a storm, seed %i, %s", (seed, wire) => {
  test.each([
    ["without bounds", {}],
    [
      "with bounds",
      { maxConnectionsPerNode: 2, maxNodeConnections: 3, maxQueuePerNode: 3, queueTimeoutMs: 50 },
    ],
  ])("%s", async (_name, bounds) => {
    const random = new Random(seed);
    const serve = (socket: Socket): void => {
      socket.on("data", () => {
        const act = random.pick(behaviours);
        void turns(random.int(4)).then(() => socket.writable && act(socket));
      });
    };
    await using first = await rawNode(serve);
    await using second = await rawNode(serve);
    const nodes: readonly UpstreamNode[] = [first, second, await deadNode()];

    const dones: number[] = [];
    let exchanges = 0;
    let completed = 0;
    const decide = (): Forward => {
      const forward = forwardTo(
        [...nodes].sort(() => random.int(3) - 1),
        [],
        {
          upgrade: true,
          timeouts: { connectMs: 500, sendMs: 300, readMs: 200 },
          retries: random.int(4),
        },
      );
      return {
        ...forward,
        pick(tried) {
          const attempt = forward.pick(tried);
          if (attempt === undefined) return undefined;
          const index = dones.push(0) - 1;
          return { node: attempt.node, done: () => (dones[index]! += 1) };
        },
      };
    };
    const proxy = createProxy({
      route: ({ target }): Forward | Reply | Promise<Forward> => {
        exchanges += 1;
        if (target === "/fails") throw new Error("no");
        return target === "/later" ? turns(3).then(decide) : decide();
      },
      onCompleted: () => (completed += 1),
      onError: () => undefined,
      bodyTimeoutMs: 300,
      discardTimeoutMs: 200,
      lingerTimeoutMs: 100,
      idleTimeoutMs: 300,
      headTimeoutMs: 300,
      tunnelIdleTimeoutMs: 300,
      ...bounds,
    });
    const address = await listenOn(proxy, wire);
    await Promise.all(
      Array.from({ length: 300 }, async () => {
        await turns(random.int(200));
        const socket = dialProxy(address);
        socket.on("error", () => undefined);
        socket.resume();
        for (let count = 1 + random.int(3); count > 0; count -= 1)
          socket.write(random.pick(requests));
        const closed = new Promise((resolve) => socket.once("close", resolve));
        await turns(random.int(60));
        random.pick(endings)(socket);
        await closed;
      }),
    );
    await until(() => proxy.inFlight === 0, "the last exchange");
    await until(() => completed === exchanges, "what is told of each");
    assert.equal(completed, exchanges);
    assert.deepEqual([...new Set(dones)], [1]);
    assert.ok(dones.length > 100, `only ${dones.length} picks`);
    // Whoever is asked from now on finds everything free.
    await proxy.close({ drainMs: 0 });
    await until(
      () => first.connections.size + second.connections.size === 0,
      "the nodes' connections",
    );
  });
});
