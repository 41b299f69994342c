import assert from "node:assert/strict";
import { Server, type Socket } from "node:net";

import { describe, onTestFinished, test, vi } from "vitest";

import { ClientConnection } from "../src/client/client-connection.ts";
import { SharedReads } from "../src/client/shared-reads.ts";
import { createProxy, type ProxyOptions, type Reply } from "../src/index.ts";
import {
  dialProxy,
  forwardTo,
  get,
  listenOn,
  type ProxyAddress,
  proxyWith,
  rawNode,
  talk,
  until,
} from "./wire.ts";

// An answer may end with its connection: then nothing but how that ends tells whether it is whole.

const wires = ["plain", "tls"] as const;

interface Client {
  readonly socket: Socket;
  received: string;
  /** How it ended: `whole` is what the end of an answer looks like. */
  end: "whole" | "broken" | undefined;
}

function client(address: ProxyAddress): Client {
  const socket = dialProxy(address);
  const one: Client = { socket, received: "", end: undefined };
  socket.on("data", (bytes) => (one.received += bytes.toString("latin1")));
  socket.once("end", () => (one.end ??= "whole"));
  socket.once("error", () => (one.end = "broken"));
  onTestFinished(() => void socket.destroy());
  return one;
}

/** A node whose answer ends with its connection, and has not ended. */
async function unending(): Promise<Awaited<ReturnType<typeof rawNode>>> {
  const node = await rawNode((socket) => {
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\nhalf"));
  });
  onTestFinished(() => node[Symbol.asyncDispose]());
  return node;
}

describe.each(wires)("an answer that is cut does not look whole: %s", (wire) => {
  test("by the end of the engine", async () => {
    const node = await unending();
    const proxy = createProxy({ route: () => forwardTo([node]) });
    const one = client(await listenOn(proxy, wire));
    one.socket.write(get("/"));
    await until(() => one.received.endsWith("half"), "half of the answer");
    await proxy.close({ drainMs: 0 });
    await until(() => one.end !== undefined, "the end");
    assert.equal(one.end, "broken");
  });

  test("because the client has ended its half", async () => {
    const node = await unending();
    const one = client(await proxyWith({ route: () => forwardTo([node]) }, wire));
    one.socket.write(get("/"));
    await until(() => one.received.endsWith("half"), "half of the answer");
    one.socket.end();
    await until(() => one.end !== undefined, "the end");
    assert.equal(one.end, "broken");
  });
});

test.each(wires)("a connection can be cut while its end is on its way: %s", async (wire) => {
  const node = await rawNode((socket) => {
    socket.once("data", () => {
      socket.end("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    });
  });
  onTestFinished(() => node[Symbol.asyncDispose]());
  // As if the node broke in the very turn in which it said that it has said all.
  const endHalf = vi.spyOn(ClientConnection.prototype, "endHalf");
  onTestFinished(() => endHalf.mockRestore());
  endHalf.mockImplementationOnce(function (this: ClientConnection) {
    this.endHalf();
    this.reset();
  });
  const proxy = createProxy({ route: () => forwardTo([node], [], { upgrade: true }) });
  const one = client(await listenOn(proxy, wire));
  one.socket.write(
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  await until(() => endHalf.mock.calls.length > 0, "the end of the node's half");
  await proxy.close({ drainMs: 60_000 });
  assert.match(one.received, /^HTTP\/1\.1 101 /);
});

describe.each(["1.0", "1.1"])(
  "an answer that its node breaks off does not look whole: HTTP/%s",
  (version) => {
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    test.each([
      ["in a length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
      ["in a chunk", `${chunked}9\r\nhalf`],
      ["after a chunk", `${chunked}4\r\nhalf\r\n`],
      ["after the last chunk", `${chunked}4\r\nhalf\r\n0\r\n`],
      ["in the trailers", `${chunked}4\r\nhalf\r\n0\r\nA: b\r\n`],
      ["with a bad chunk", `${chunked}4\r\nhalf\r\n-\r\n`],
      ["with bad trailers", `${chunked}4\r\nhalf\r\n0\r\nA\r\n\r\n`],
    ])("%s", async (_name, bytes) => {
      await using node = await rawNode((socket) => {
        socket.once("data", () => socket.end(bytes));
      });
      const one = client(await proxyWith({ route: () => forwardTo([node]) }));
      one.socket.write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
      await until(() => one.end !== undefined, "the end");
      assert.equal(one.end, "broken");
      assert.doesNotMatch(one.received, /0\r\n\r\n$/);
    });

    test("by a reset, where the end of the connection would be that of the answer", async () => {
      const node = await unending();
      const one = client(await proxyWith({ route: () => forwardTo([node]) }));
      one.socket.write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
      await until(() => one.received.endsWith("half"), "half of the answer");
      for (const socket of node.connections) socket.resetAndDestroy();
      await until(() => one.end !== undefined, "the end");
      assert.equal(one.end, "broken");
    });
  },
);

describe("a client that takes its answer late", () => {
  /** A client that reads nothing until the system takes no more for it, and then asks once more. */
  async function full(
    options: Partial<ProxyOptions>,
  ): Promise<{ readonly one: Client; readonly ours: Socket }> {
    const filler: Reply = { kind: "reply", status: 200, headers: {}, body: "x".repeat(16_000) };
    const node = await rawNode((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nthe end"));
    });
    onTestFinished(() => node[Symbol.asyncDispose]());
    const adopt = vi.spyOn(SharedReads.prototype, "adopt");
    onTestFinished(() => adopt.mockRestore());
    let completed = 0;
    const address = await proxyWith({
      route: ({ target }) => (target === "/last" ? forwardTo([node]) : filler),
      onCompleted: () => (completed += 1),
      ...options,
    });
    const one = client(address);
    one.socket.pause();
    let asked = 0;
    let ours: Socket | undefined;
    while ((ours?.writableLength ?? 0) === 0) {
      asked += 1;
      one.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await until(() => completed === asked, "a reply");
      await new Promise((resolve) => setImmediate(resolve));
      ours = adopt.mock.results[0]!.value as Socket;
    }
    one.socket.write(get("/last"));
    await until(() => completed === asked + 1, "the last answer");
    return { one, ours: ours! };
  }

  test("gets all of it, however long a connection lingers", async () => {
    const { one } = await full({ lingerTimeoutMs: 1 });
    // Many times as long as it lingers, and as deadlines are looked at.
    await new Promise((resolve) => setTimeout(resolve, 600));
    one.socket.resume();
    await until(() => one.end !== undefined, "the end");
    assert.equal(one.received.slice(-7), "the end");
    assert.equal(one.end, "whole");
  });

  test("or not at all, and does not take it for whole: clientSendTimeoutMs", async () => {
    const { one, ours } = await full({ clientSendTimeoutMs: 1 });
    await until(() => ours.destroyed, "the client to be given up");
    one.socket.resume();
    await until(() => one.end !== undefined, "the end");
    assert.notEqual(one.received.slice(-7), "the end");
    assert.equal(one.end, "broken");
  });
});

test("a listener outlives connections that the system could not hand over", async () => {
  const listen = vi.spyOn(Server.prototype, "listen");
  onTestFinished(() => listen.mockRestore());
  const address = await proxyWith({
    route: () => ({ kind: "reply", status: 200, headers: {}, body: "fine" }),
  });
  const server = listen.mock.contexts[0] as Server;
  for (let times = 0; times < 3; times += 1) {
    server.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
  }
  assert.match(await talk(address, get("/")), /fine$/);
});
