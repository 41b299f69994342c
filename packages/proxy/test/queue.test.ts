import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";

import { describe, test } from "vitest";

import type { UpstreamNode } from "../src/index.ts";
import { dialProxy, forwardTo, get, httpNode, proxyWith, talk, until } from "./wire.ts";

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
    let routed = 0;
    const address = await proxyWith({
      route: ({ target }) => {
        routed += 1;
        return forwardTo([node], target === "/2" ? outcomes : []);
      },
      maxConnectionsPerNode: 1,
    });
    const first = talk(address, get("/1"));
    await until(() => waiting.length === 1, "the first request");
    const leaving = dialProxy(address);
    leaving.write("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => routed === 2, "the second request");
    leaving.destroy();
    await until(() => outcomes.length === 1, "the end of the second");
    assert.deepEqual(outcomes, ["cancelled"]);
    waiting.pop()?.end("first");
    assert.match(await first, /first$/);
    assert.equal(waiting.length, 0);
  });
});

describe("a bound on connections to all nodes", () => {
  test("makes requests wait for each other, whatever their node, first come first served", async () => {
    const held = await Promise.all([heldNode(), heldNode(), heldNode()]);
    const nodes = held.map(({ node }) => node);
    const served: string[] = [];
    let routed = 0;
    const address = await proxyWith({
      route: ({ target }) => {
        routed += 1;
        return forwardTo([nodes[Number(target.slice(1, 2))]!]);
      },
      onCompleted: ({ target }) => served.push(target),
      maxNodeConnections: 2,
    });
    const targets = ["/0a", "/1a", "/2a", "/0b", "/1b", "/2b"];
    const answers: Promise<string>[] = [];
    for (const target of targets) {
      answers.push(talk(address, get(target)));
      // One after the other, so that who came first is certain.
      await until(() => routed === answers.length, target);
    }
    const open = (): number => held.reduce((sum, { waiting }) => sum + waiting.length, 0);
    for (let done = 0; done < targets.length; done += 1) {
      await until(() => open() === Math.min(2, targets.length - done), `place ${done}`);
      const sockets = await Promise.all(
        nodes.map(
          ({ server }) =>
            new Promise<number>((resolve) => server.getConnections((_error, n) => resolve(n))),
        ),
      );
      assert.ok(
        sockets.reduce((sum, one) => sum + one, 0) <= 3,
        `${sockets.join()}: one may be closing`,
      );
      const next = held.find(({ waiting }) =>
        waiting.some((one) => one.req.url === targets[done]),
      )!;
      assert.ok(next !== undefined, `${targets[done]} is not next`);
      next.waiting.splice(0, 1)[0]!.end("done");
      await until(() => served.length === done + 1, "its end");
    }
    assert.deepEqual(served, targets);
    for (const answer of answers) assert.match(await answer, /done$/);
    for (const { node } of held) await node[Symbol.asyncDispose]();
  });

  test("is a 503 for who waits too long", async () => {
    const [first, second] = await Promise.all([heldNode(), heldNode()]);
    const address = await proxyWith({
      route: ({ target }) => forwardTo([target === "/1" ? first.node : second.node]),
      maxNodeConnections: 1,
      queueTimeoutMs: 50,
    });
    const answer = talk(address, get("/1"));
    await until(() => first.waiting.length === 1, "the first request");
    assert.match(await talk(address, get("/2")), /^HTTP\/1\.1 503 [^]*"code":"NODES_BUSY"/);
    first.waiting.pop()?.end("first");
    assert.match(await answer, /first$/);
    await first.node[Symbol.asyncDispose]();
    await second.node[Symbol.asyncDispose]();
  });

  test("an idle connection makes room, also when it is another node's", async () => {
    await using one = await httpNode((_request, response) => response.end("one"));
    await using other = await httpNode((_request, response) => response.end("other"));
    const address = await proxyWith({
      route: ({ target }) => forwardTo([target === "/1" ? one : other]),
      maxNodeConnections: 1,
      queueTimeoutMs: 5_000,
    });
    for (let times = 0; times < 5; times += 1) {
      assert.match(await talk(address, get("/1")), /one$/);
      assert.match(await talk(address, get("/2")), /other$/);
    }
  });

  test("is a 503 where none of ever so many nodes has a place", async () => {
    const { node, waiting } = await heldNode();
    const all: UpstreamNode[] = [node];
    for (let count = 1; count < 10_000; count += 1) {
      all.push({ host: `127.1.${count >> 8}.${count & 255}`, port: 1, secure: false });
    }
    const outcomes = new Map<string, number>();
    const failures: number[] = [];
    const address = await proxyWith({
      route: () => {
        let next = 0;
        return {
          ...forwardTo([], [], { retries: all.length }),
          pick: () => {
            const one = all[next];
            next += 1;
            const done = (outcome: string): void => {
              outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
            };
            return one && { node: one, done };
          },
        };
      },
      describeFailure: ({ tried, status }) => {
        failures.push(tried.length);
        return { kind: "reply", status, headers: {}, body: "no place" };
      },
      maxNodeConnections: 1,
      maxQueuePerNode: 0,
    });
    const first = talk(address, get("/"));
    await until(() => waiting.length === 1, "the first request");
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 503 /);
    assert.deepEqual([...outcomes], [["cancelled", all.length]]);
    assert.deepEqual(failures, [all.length]);
    waiting.pop()?.end("first");
    assert.match(await first, /first$/);
    await node[Symbol.asyncDispose]();
  });
});
