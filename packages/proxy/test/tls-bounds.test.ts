import assert from "node:assert/strict";
import type { Socket } from "node:net";

import { describe, onTestFinished, test } from "vitest";

import type { ProxyOptions } from "../src/index.ts";
import { held, pouringNode, push, settled } from "./back-pressure.ts";
import {
  dialProxy,
  forwardTo,
  get,
  httpNode,
  type ProxyAddress,
  proxyWith,
  rawNode,
  talk,
  until,
} from "./wire.ts";

/** Bounds hold over TLS as they do without: what is read, kept and waited for is the same. */

interface Client {
  readonly socket: Socket;
  received: string;
  closed: boolean;
}

/** A client that has shaken hands, and remembers what it hears. */
async function client(address: ProxyAddress): Promise<Client> {
  const socket = dialProxy(address);
  const one: Client = { socket, received: "", closed: false };
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => (one.received += bytes.toString("latin1")));
  socket.once("close", () => (one.closed = true));
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  return one;
}

/** A proxy before a node that answers with the size of the body. */
async function sizing(more: Partial<ProxyOptions>): Promise<ProxyAddress> {
  const node = await httpNode((request, response) => {
    let bytes = 0;
    request.on("error", () => undefined);
    request.on("data", (piece: Buffer) => (bytes += piece.length));
    request.once("end", () => response.end(`${bytes} bytes\n`));
  });
  onTestFinished(() => node[Symbol.asyncDispose]());
  return proxyWith({ route: () => forwardTo([node]), ...more }, "tls");
}

const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

describe("heads and bodies", () => {
  test.each([
    [0, 200],
    [1, 431],
  ])("maxHeadBytes and %i: %i", async (beyond, status) => {
    const address = await sizing({ maxHeadBytes: 1_000 });
    const head = get("/", `X: ${"x".repeat(1_000 + beyond - get("/", "X: \r\n").length)}\r\n`);
    assert.ok((await talk(address, head)).startsWith(`HTTP/1.1 ${status} `));
  });

  test("a head that comes byte by byte is refused at the same byte", async () => {
    const one = await client(await sizing({ maxHeadBytes: 200 }));
    let sent = 0;
    for (const byte of `GET / HTTP/1.1\r\nX: ${"x".repeat(400)}`) {
      one.socket.write(byte);
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
      if (one.received !== "") break;
    }
    await until(() => one.received !== "", "the refusal");
    assert.match(one.received, /^HTTP\/1\.1 431 /);
    assert.ok(sent >= 200);
    await until(() => one.closed, "the end");
  });

  test("headTimeoutMs, idleTimeoutMs, bodyTimeoutMs", async () => {
    const short = { headTimeoutMs: 500, idleTimeoutMs: 150, bodyTimeoutMs: 150 };
    const address = await sizing(short);
    const whole = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert.equal(await talk(address, ""), "");
    assert.match(await talk(address, "GET / HT"), /^HTTP\/1\.1 408 /);
    assert.match(await talk(address, whole), /^HTTP\/1\.1 200 [^]*0 bytes\n$/);
    assert.match(await talk(address, `${chunked}5\r\nx`), /^HTTP\/1\.1 408 /);
  });

  test.each([
    ["within", `${chunked}5\r\nxxxxx\r\n0\r\n\r\n`, 200],
    ["beyond", `${chunked}6\r\nxxxxxx\r\n0\r\n\r\n`, 413],
    ["malformed", `${chunked}zz\r\n`, 400],
  ])("a chunked body that is %s", async (_name, bytes, status) => {
    const address = await sizing({ maxBodyBytes: 5 });
    const answer = await talk(address, bytes, (all) => all.endsWith("bytes\n"));
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer);
  });

  test("an answer to a client that said too much arrives whole: the connection lingers", async () => {
    const one = await client(await sizing({ maxBodyBytes: 5 }));
    one.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n");
    for (let times = 0; times < 40; times += 1) one.socket.write(Buffer.alloc(65_536));
    await until(() => one.received.endsWith("}\n") || one.received.endsWith("}"), "the answer");
    assert.match(one.received, /^HTTP\/1\.1 413 /);
  });
});

describe("slow ones cost constant memory", () => {
  const large = 200_000_000;

  test("a client that does not read", async () => {
    const { node, sent } = await pouringNode(large);
    await using _ = node;
    const one = await client(await proxyWith({ route: () => forwardTo([node]) }, "tls"));
    one.socket.pause();
    one.socket.write(get("/"));
    assert.ok((await settled(sent)) < held);
  });

  test("a node that does not read", async () => {
    await using node = await rawNode((socket) => socket.pause());
    const one = await client(await proxyWith({ route: () => forwardTo([node]) }, "tls"));
    one.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large}\r\n\r\n`);
    assert.ok((await settled(push(one.socket, Buffer.alloc(65_536), large))) < held);
  });

  test("requests behind one that is not answered are not read on", async () => {
    await using node = await rawNode((socket) => socket.resume());
    let routed = 0;
    const address = await proxyWith(
      {
        route: () => {
          routed += 1;
          return forwardTo([node]);
        },
      },
      "tls",
    );
    const one = await client(address);
    const many = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000));
    assert.ok((await settled(push(one.socket, many, large))) < held);
    assert.equal(routed, 1);
  });
});

test("a tunnel ends by halves: one side may still speak when the other has ended", async () => {
  await using node = await rawNode((socket) => {
    socket.allowHalfOpen = true;
    socket.once("data", () => {
      const head =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
      socket.write(head);
      socket.on("data", (bytes) => socket.write(`heard ${bytes.toString()}`));
      socket.once("end", () => setTimeout(() => socket.end("last words"), 50));
    });
  });
  const address = await proxyWith({ route: () => forwardTo([node], [], { upgrade: true }) }, "tls");
  const one = await client(address);
  one.socket.allowHalfOpen = true;
  one.socket.write(
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  await until(() => one.received.includes("101"), "the switch");
  one.socket.end("hello");
  await until(() => one.closed, "the end");
  assert.match(one.received, /heard hello.*last words$/s);
});
