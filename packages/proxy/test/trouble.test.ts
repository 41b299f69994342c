import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";

import { describe, test } from "vitest";

import { createProxy } from "../src/index.ts";
import {
  bodyOf,
  deadNode,
  forwardTo,
  get,
  httpNode,
  proxyWith,
  rawNode,
  talk,
  until,
} from "./wire.ts";

describe("trouble", () => {
  test("a node that is silent is a 504 and a timeout", async () => {
    await using node = await rawNode((socket) => socket.resume());
    const outcomes: string[] = [];
    const timeouts = { connectMs: 5_000, sendMs: 5_000, readMs: 50 };
    const address = await proxyWith({ route: () => forwardTo([node], outcomes, { timeouts }) });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 504 /);
    assert.deepEqual(outcomes, ["timeout"]);
  });

  test("a node that is silent on a kept connection is asked once", async () => {
    let asked = 0;
    await using node = await rawNode((socket) => {
      socket.on("data", () => {
        asked += 1;
        if (asked === 1) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
    });
    const outcomes: string[] = [];
    const timeouts = { connectMs: 5_000, sendMs: 5_000, readMs: 100 };
    const address = await proxyWith({
      route: ({ target }) => forwardTo([node], outcomes, target === "/silent" ? { timeouts } : {}),
    });
    assert.match(await talk(address, get("/")), /ok$/);
    assert.match(await talk(address, get("/silent")), /^HTTP\/1\.1 504 /);
    assert.equal(asked, 2);
    assert.deepEqual(outcomes, ["ok", "timeout"]);
  });

  test.each([
    [0, 200],
    [50, 502],
    [60_000, 200],
  ])(
    "retryTimeoutMs %i: a first try that took longer ends in %i",
    async (retryTimeoutMs, status) => {
      await using slow = await rawNode((socket) => {
        socket.on("data", () => setTimeout(() => socket.resetAndDestroy(), 150));
      });
      await using node = await httpNode((_request, response) => response.end("ok"));
      const address = await proxyWith({
        route: () => forwardTo([slow, node], [], { retryTimeoutMs }),
      });
      assert.ok((await talk(address, get("/"))).startsWith(`HTTP/1.1 ${status} `));
    },
  );

  test("retryTimeoutMs counts from the first try, however long the decision took", async () => {
    await using node = await httpNode((_request, response) => response.end("ok"));
    const nodes = [await deadNode(), node];
    const address = await proxyWith({
      route: async () => {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return forwardTo(nodes, [], { retryTimeoutMs: 900 });
      },
    });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 200 /);
  });

  test("a node that takes no more of the body is a 504 after sendMs", async () => {
    await using node = await rawNode((socket) => socket.pause());
    const outcomes: string[] = [];
    const timeouts = { connectMs: 5_000, sendMs: 50, readMs: 600_000 };
    const address = await proxyWith({ route: () => forwardTo([node], outcomes, { timeouts }) });
    const length = 64 * 1024 * 1024;
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
    const enough = (received: string): boolean => received.includes("\r\n\r\n");
    assert.match(await talk(address, head + "x".repeat(length), enough), /^HTTP\/1\.1 504 /);
    assert.deepEqual(outcomes, ["timeout"]);
  });

  test("readMs counts from the end of the body, however long that took", async () => {
    await using node = await httpNode((request, response) => {
      request.resume().once("end", () => setTimeout(() => response.end("done"), 500));
    });
    const timeouts = { connectMs: 5_000, sendMs: 5_000, readMs: 1_500 };
    const address = await proxyWith({ route: () => forwardTo([node], [], { timeouts }) });
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpRequest({ ...address, method: "POST" }, (response) => {
        void bodyOf(response).then(resolve, reject);
      });
      request.once("error", reject);
      request.write("slow");
      setTimeout(() => request.end(" body"), 1_200);
    });
    assert.equal(answer, "done");
  });

  test.each([
    ["a status that is none", "HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"],
    [
      "a coding that clients would not hear of",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
    ],
  ])("%s is a 502", async (_name, bytes) => {
    await using node = await rawNode((socket) => {
      socket.on("data", () => socket.end(bytes));
    });
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([node], outcomes) });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 502 Bad Gateway\r\n/);
    assert.deepEqual(outcomes, ["tcp_failure"]);
  });

  test.each([
    ["a length not reached", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"],
    ["a missing last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ["a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"],
  ])("%s never looks complete", async (_name, bytes) => {
    await using node = await rawNode((socket) => {
      socket.on("data", () => socket.end(bytes));
    });
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([node], outcomes) });
    const complete = await new Promise<boolean>((resolve) => {
      const request = httpRequest({ ...address, agent: new Agent() }, (response) => {
        response.resume();
        response.on("error", () => undefined);
        response.once("close", () => resolve(response.complete));
      });
      request.on("error", () => resolve(false));
      request.end();
    });
    assert.equal(complete, false);
    await until(() => outcomes.length === 1, "the outcome");
    assert.deepEqual(outcomes, ["tcp_failure"]);
  });

  test.each([
    [
      "more than one Content-Length",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    ],
    [
      "both Content-Length and Transfer-Encoding",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["the head is too large", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(40_000)}\r\n\r\n`],
    ["too many header fields", `HTTP/1.1 200 OK\r\n${"X: 1\r\n".repeat(200)}\r\n`],
    [
      "the node switched protocols unasked",
      "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
    ["the status line is malformed", "220 smtp ready\r\n"],
  ])("an answer is a 502 that says why: %s", async (why, bytes) => {
    await using node = await rawNode((socket) => {
      socket.on("data", () => socket.end(bytes));
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await talk(address, get("/"));
    assert.match(answer, /^HTTP\/1\.1 502 /);
    assert.ok(answer.includes(why), answer);
  });

  test("a client that leaves cancels its request at the node", async () => {
    await using node = await rawNode((socket) => socket.resume());
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([node], outcomes) });
    const request = httpRequest(address);
    request.on("error", () => undefined);
    request.end();
    await until(() => node.connections.size === 1, "the request to arrive");
    request.destroy();
    await until(() => outcomes.length === 1 && node.connections.size === 0, "the cancellation");
    assert.deepEqual(outcomes, ["cancelled"]);
  });

  test("a route that throws is a 500, and says nothing of it", async () => {
    const address = await proxyWith({
      route: () => {
        throw new Error("secret");
      },
      onError: () => undefined,
    });
    const answer = await talk(address, get("/"));
    assert.match(answer, /^HTTP\/1\.1 500 /);
    assert.doesNotMatch(answer, /secret/);
  });
});

describe("closing", () => {
  test("a running request finishes and is told to close; an idle connection closes at once", async () => {
    const gate = Promise.withResolvers<void>();
    let arrived = false;
    await using node = await httpNode((_request, response) => {
      arrived = true;
      void gate.promise.then(() => response.end("done"));
    });
    const proxy = createProxy({ route: () => forwardTo([node]) });
    const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
    const answer = talk(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => arrived, "the request to arrive");
    assert.equal(proxy.inFlight, 1);
    const closing = proxy.close({ drainMs: 10_000 });
    gate.resolve();
    await closing;
    assert.match(await answer, /connection: close.*done$/is);
    assert.equal(proxy.inFlight, 0);
  });

  test.each([
    [
      "an answer is under way",
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf",
      "half",
    ],
    [
      "the rest of a body is thrown away",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe rest",
      "",
    ],
  ])(
    "a connection that was to stay closes as soon as it has no more to do: %s",
    async (_name, ask, first, rest) => {
      const nodes: Socket[] = [];
      await using node = await rawNode((socket) => {
        nodes.push(socket);
        socket.once("data", () => socket.write(first));
      });
      const proxy = createProxy({ route: () => forwardTo([node]) });
      const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
      const client = connect(address);
      let received = "";
      client.on("data", (bytes) => (received += bytes.toString("latin1")));
      client.write(ask);
      await until(() => received.includes("\r\n\r\n"), "the head");
      assert.doesNotMatch(received, /^connection: close/im);
      // Far longer than a test may take.
      const closed = proxy.close({ drainMs: 60_000 });
      if (rest === "") client.write("rest");
      else nodes[0]!.write(rest);
      await closed;
      assert.match(received, /halfhalf$|the rest$/);
    },
  );

  test("twice, the second time at once", async () => {
    await using node = await rawNode((socket) => socket.resume());
    const proxy = createProxy({ route: () => forwardTo([node]) });
    const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
    const client = connect(address).on("error", () => undefined);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => proxy.inFlight === 1, "the request");
    await Promise.all([proxy.close({ drainMs: 60_000 }), proxy.close({ drainMs: 1 })]);
    assert.equal(proxy.inFlight, 0);
  });

  test("who has just connected still gets an answer", async () => {
    await using node = await httpNode((_request, response) => response.end("done"));
    const proxy = createProxy({ route: () => forwardTo([node]) });
    const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
    const late = connect(address.port, address.host);
    await once(late, "connect");
    // Accepted after it.
    await talk(address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const closing = proxy.close({ drainMs: 10_000 });
    late.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.match(
      (await late.setEncoding("latin1").toArray()).join(""),
      /connection: close.*done$/is,
    );
    await closing;
  });

  test("what does not finish in time is cut", async () => {
    await using node = await rawNode((socket) => socket.resume());
    const outcomes: string[] = [];
    const proxy = createProxy({ route: () => forwardTo([node], outcomes) });
    const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
    const answer = talk(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => node.connections.size === 1, "the request to arrive");
    await proxy.close({ drainMs: 20 });
    assert.equal(await answer, "");
    await until(() => outcomes.length === 1, "the outcome");
    assert.deepEqual(outcomes, ["cancelled"]);
  });
});
