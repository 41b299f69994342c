import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

import { afterEach, beforeEach, describe, test } from "vitest";

import { faultProxy, type FaultProxy } from "../src/fault-proxy.ts";
import { throughout, until } from "../src/waiting.ts";

const deadlineMs = 10_000;

let server: Server;
let proxy: FaultProxy;
let peers: Socket[];
let clients: Client[];

/** A client that keeps what it got. */
interface Client {
  readonly socket: Socket;
  readonly got: () => string;
  readonly ended: () => boolean;
  readonly error: () => string | undefined;
}

beforeEach(async () => {
  peers = [];
  clients = [];
  server = createServer((socket) => {
    peers.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => socket.write(`<${chunk.toString()}>`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await faultProxy({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
});

afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await proxy.close();
  for (const peer of peers) peer.destroy();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

describe("fault proxy", () => {
  test("passes bytes both ways and ends with its ends", async () => {
    const client = dial();
    client.socket.write("hello");
    await got(client, "<hello>");
    assert.equal(proxy.connections, 1);
    assert.equal(proxy.accepted, 1);
    client.socket.end();
    await until("both halves to end", deadlineMs, () => client.ended() && proxy.connections === 0);
  });

  test("passes megabytes unharmed through a slow reader", async () => {
    const size = 8 * 1_048_576;
    const sink = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.resume().end(Buffer.alloc(size, "x"));
    });
    sink.listen(0, "127.0.0.1");
    await once(sink, "listening");
    const large = await faultProxy({
      host: "127.0.0.1",
      port: (sink.address() as AddressInfo).port,
    });
    const socket = connect(large.port, large.host);
    let bytes = 0;
    for await (const chunk of socket) bytes += (chunk as Buffer).length;
    assert.equal(bytes, size);
    await large.close();
    await new Promise((resolve) => {
      sink.close(resolve);
    });
  });

  test("refuse resets what is there and whatever comes, and keeps the port", async () => {
    const client = await established();
    proxy.refuse();
    await until("the reset", deadlineMs, () => client.error() === "ECONNRESET");
    const refused = dial();
    await until("the refusal", deadlineMs, () => refused.error() !== undefined);
    assert.equal(peers.length, 1, "nothing reached the target");
    proxy.restore();
    await established();
  });

  test("stall lets nothing pass until restore, then everything in order", async () => {
    const client = await established();
    proxy.stall();
    client.socket.write("a");
    const late = dial();
    late.socket.write("b");
    peers[0]?.write("pushed");
    await throughout(100, () => {
      assert.equal(client.got(), "<hi>");
      assert.equal(late.got(), "");
      assert.equal(client.error(), undefined);
    });
    proxy.restore();
    await got(client, "<hi>pushed<a>");
    await got(late, "<b>");
  });

  test("what was said by a client that hung up during a stall never arrives", async () => {
    const client = await established();
    const heard: string[] = [];
    peers[0]?.on("data", (chunk) => heard.push(chunk.toString()));
    proxy.stall();
    client.socket.write("too late");
    client.socket.destroy();
    await until("the hang-up", deadlineMs, () => proxy.connections === 0);
    proxy.restore();
    await established();
    assert.deepEqual(heard, []);
  });

  test("cut resets what is there; new connections work", async () => {
    const client = await established();
    proxy.cut();
    await until("the reset", deadlineMs, () => client.error() === "ECONNRESET");
    await established();
  });

  test("delay holds each way back, in order", async () => {
    const client = await established();
    proxy.delay(60);
    const startedMs = performance.now();
    client.socket.write("a");
    await got(client, "<hi><a>");
    assert.ok(performance.now() - startedMs >= 119, "60 ms each way");
    proxy.restore();
    client.socket.write("b");
    await got(client, "<hi><a><b>");
  });

  test("half-open drops bytes and FINs in silence, for good", async () => {
    const client = await established();
    proxy.halfOpen();
    client.socket.write("lost");
    peers[0]?.write("lost too");
    peers[0]?.end();
    const late = dial();
    await once(late.socket, "connect");
    late.socket.write("lost");
    await throughout(100, () => {
      assert.equal(client.got(), "<hi>");
      assert.ok(!client.ended() && client.error() === undefined);
      assert.equal(late.got(), "");
    });
    proxy.restore();
    client.socket.write("still lost");
    late.socket.write("still lost");
    await established();
    assert.equal(client.got(), "<hi>");
    assert.equal(late.got(), "");
    assert.equal(proxy.connections, 3);
    client.socket.end();
    late.socket.end();
    await until("the dead ones to be given up", deadlineMs, () => proxy.connections === 1);
  });

  test("a target that is down resets, and may move", async () => {
    let port = 1;
    const moving = await faultProxy(() => ({ host: "127.0.0.1", port }));
    const client = dial(moving);
    await until("the reset", deadlineMs, () => client.error() === "ECONNRESET");
    ({ port } = server.address() as AddressInfo);
    await established(moving);
    await moving.close();
  });

  test("close resets everything, frees the port, and may be called twice", async () => {
    const client = await established();
    await proxy.close();
    await until("the reset", deadlineMs, () => client.error() === "ECONNRESET");
    await proxy.close();
    const refused = dial();
    await until("the refusal", deadlineMs, () => refused.error() === "ECONNREFUSED");
  });
});

function dial(to: FaultProxy = proxy): Client {
  const socket = connect(to.port, to.host);
  let text = "";
  let error: string | undefined;
  socket.on("data", (chunk) => (text += chunk.toString()));
  socket.on("error", (cause: NodeJS.ErrnoException) => (error = cause.code));
  const client: Client = {
    socket,
    got: () => text,
    ended: () => socket.closed,
    error: () => error,
  };
  clients.push(client);
  return client;
}

async function established(to: FaultProxy = proxy): Promise<Client> {
  const client = dial(to);
  client.socket.write("hi");
  await got(client, "<hi>");
  return client;
}

async function got(client: Client, text: string): Promise<void> {
  await until(`the client to get ${text}`, deadlineMs, () => {
    assert.equal(client.got(), text);
    return true;
  });
}
