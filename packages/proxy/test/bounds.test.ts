import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";

import { describe, onTestFinished, test } from "vitest";

import type { ListenAddress, ProxyOptions } from "../src/index.ts";
import { held, pouringNode, push, settled } from "./back-pressure.ts";
import { deadNode, forwardTo, get, httpNode, proxyWith, rawNode, talk, until } from "./wire.ts";

/** A client that says what it is told, and remembers what it hears. */
async function client(address: ListenAddress): Promise<Client> {
  const socket = connect(address.port, address.host);
  const client_: Client = { socket, received: "", closed: false };
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => (client_.received += bytes.toString("latin1")));
  socket.once("close", () => (client_.closed = true));
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return client_;
}

interface Client {
  readonly socket: Socket;
  received: string;
  closed: boolean;
}

/** A proxy before a node that answers with the size of the body. */
async function sizing(
  more: Partial<ProxyOptions>,
): Promise<{ address: ListenAddress; seen: string[] }> {
  const seen: string[] = [];
  const node = await httpNode((request, response) => {
    let bytes = 0;
    request.on("error", () => undefined);
    request.on("data", (piece: Buffer) => (bytes += piece.length));
    request.once("end", () => {
      seen.push(request.url ?? "");
      response.end(`${bytes} bytes\n`);
    });
  });
  onTestFinished(() => node[Symbol.asyncDispose]());
  const address = await proxyWith({ route: () => forwardTo([node]), ...more });
  return { address, seen };
}

/** A proxy before a node that says these bytes to each request. */
async function saying(
  bytes: string,
  more: Partial<ProxyOptions> = {},
): Promise<{ address: ListenAddress; outcomes: string[] }> {
  const outcomes: string[] = [];
  const node = await rawNode((socket) => {
    socket.on("data", () => socket.write(bytes, "latin1"));
  });
  onTestFinished(() => node[Symbol.asyncDispose]());
  const address = await proxyWith({ route: () => forwardTo([node], outcomes), ...more });
  return { address, outcomes };
}

const post = (...lines: readonly string[]): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n`;
const chunked = post("Transfer-Encoding: chunked");

describe("heads", () => {
  test.each([
    [0, 200],
    [1, 431],
  ])("maxHeadBytes and %i: %i", async (beyond, status) => {
    const { address, seen } = await sizing({ maxHeadBytes: 1_000 });
    const head = get("/", `X: ${"x".repeat(1_000 + beyond - get("/", "X: \r\n").length)}\r\n`);
    assert.equal(head.length, 1_000 + beyond);
    assert.ok((await talk(address, head)).startsWith(`HTTP/1.1 ${status} `));
    assert.equal(seen.length, status === 200 ? 1 : 0);
  });

  test("a head that has no end is refused without one", async () => {
    const { address } = await sizing({ maxHeadBytes: 1_000 });
    const bytes = `GET / HTTP/1.1\r\nX: ${"x".repeat(2_000)}`;
    assert.match(await talk(address, bytes), /^HTTP\/1\.1 431 /);
    assert.match(await talk(address, `GET /${"x".repeat(2_000)}`), /^HTTP\/1\.1 414 /);
  });

  test("a head that comes byte by byte is refused at the same byte", async () => {
    const { address } = await sizing({ maxHeadBytes: 200 });
    const one = await client(address);
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
  });

  test.each([
    [128, 200],
    [129, 431],
  ])("maxHeaders: %i: %i", async (count, status) => {
    const { address } = await sizing({});
    const head = get("/", "X: y\r\n".repeat(count - 2));
    assert.ok((await talk(address, head)).startsWith(`HTTP/1.1 ${status} `));
  });

  test("headTimeoutMs: a head that is begun and not ended is a 408", async () => {
    const { address } = await sizing({ headTimeoutMs: 500 });
    const one = await client(address);
    // One byte at a time does not prolong it.
    const drip = setInterval(() => one.socket.write("x"), 20);
    onTestFinished(() => clearInterval(drip));
    one.socket.write("GET / HTTP/1.1\r\nX: ");
    await until(() => one.received !== "", "the refusal");
    clearInterval(drip);
    assert.match(one.received, /^HTTP\/1\.1 408 [^]*Connection: close\r\n/i);
    await until(() => one.closed, "the end");
  });

  test("headTimeoutMs: a connection that says nothing is closed without an answer", async () => {
    const { address } = await sizing({ headTimeoutMs: 150 });
    assert.equal(await talk(address, ""), "");
  });

  test("idleTimeoutMs: a connection that says nothing more is closed", async () => {
    const { address } = await sizing({ idleTimeoutMs: 150 });
    const answer = await talk(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.match(answer, /^HTTP\/1\.1 200 [^]*0 bytes\n$/);
  });

  test("a second head is timed as the first", async () => {
    const { address } = await sizing({ headTimeoutMs: 500, idleTimeoutMs: 60_000 });
    const answers = await talk(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
    assert.match(answers, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 408 /);
  });
});

describe("bodies", () => {
  const five = "x".repeat(5);

  test.each([
    ["a length", `${post("Content-Length: 5")}${five}`, 200],
    ["a length beyond", `${post("Content-Length: 6")}${five}x`, 413],
    ["a length beyond, nothing sent", post("Content-Length: 6", "Expect: 100-continue"), 413],
    ["a length far beyond", `${post("Content-Length: 999999999999999")}${five}`, 413],
    ["one chunk", `${chunked}5\r\n${five}\r\n0\r\n\r\n`, 200],
    ["chunks with extensions", `${chunked}${"1;a=b\r\nx\r\n".repeat(5)}0;c\r\nt: v\r\n\r\n`, 200],
    ["one chunk beyond", `${chunked}6\r\n${five}x\r\n0\r\n\r\n`, 413],
    ["a chunk beyond", `${chunked}5\r\n${five}\r\n1\r\nx\r\n0\r\n\r\n`, 413],
    ["a chunk far beyond", `${chunked}ffffffff\r\n${"x".repeat(10_000)}`, 413],
  ])("maxBodyBytes, %s", async (_name, bytes, status) => {
    const { address, seen } = await sizing({ maxBodyBytes: 5 });
    const answer = await talk(address, bytes, (all) => all.endsWith("bytes\n"));
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer);
    assert.match(answer, status === 200 ? /5 bytes\n$/ : /^connection: close\r$/im);
    if (status === 413) assert.match(answer, /^HTTP\/1\.1 413 Content Too Large\r\n/);
    assert.equal(seen.length, status === 200 ? 1 : 0);
  });

  test("bodyTimeoutMs: a body that stops coming is a 408", async () => {
    const { address, seen } = await sizing({ bodyTimeoutMs: 150 });
    const answer = await talk(address, `${post("Content-Length: 6")}${five}`);
    assert.match(answer, /^HTTP\/1\.1 408 [^]*Connection: close\r\n/i);
    assert.deepEqual(seen, []);
  });

  test.each([
    ["extensions", `${chunked}5;${"a".repeat(65)}\r\n${five}\r\n0\r\n\r\n`],
    ["extensions of many chunks", `${chunked}${`1;${"a".repeat(33)}\r\nx\r\n`.repeat(2)}0\r\n\r\n`],
    ["extensions without end", `${chunked}5;${"a".repeat(100)}`],
    ["trailers", `${chunked}0\r\nt: ${"v".repeat(64)}\r\n\r\n`],
    ["trailers without end", `${chunked}0\r\nt: ${"v".repeat(100)}`],
  ])("maxExtensionBytes, maxTrailerBytes: %s", async (_name, bytes) => {
    const { address, seen } = await sizing({ maxExtensionBytes: 64, maxTrailerBytes: 64 });
    const answer = await talk(address, bytes);
    assert.match(answer, /^HTTP\/1\.1 400 [^]*Connection: close\r\n/i);
    // Not only that something is wrong with the body: there is a bound that may be raised.
    assert.match(answer, /"reason":"the (chunk extensions|trailer section) (are|is) too long"/);
    assert.deepEqual(seen, []);
  });
});

describe("connections", () => {
  test("maxRequestsPerConnection", async () => {
    const { address } = await sizing({ maxRequestsPerConnection: 2 });
    const answers = await talk(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
    assert.equal(answers.match(/^HTTP\/1\.1 200 /gm)?.length, 2);
    assert.equal(answers.match(/^connection: close/gim)?.length, 1);
  });

  test("maxConnections", async () => {
    const { address } = await sizing({ maxConnections: 2 });
    const [first, second] = [await client(address), await client(address)];
    const third = await client(address);
    await until(() => third.closed, "the third to be closed");
    assert.equal(third.received, "");
    assert.ok(!first.closed && !second.closed);
    first.socket.destroy();
    await until(() => first.closed, "the first to leave");
    // The proxy hears of it a little later.
    let answer = "";
    for (let times = 0; times < 100 && answer === ""; times += 1)
      answer = await talk(address, get("/"));
    assert.match(answer, /^HTTP\/1\.1 200 /);
  });

  test("maxIdlePerNode and nodeIdleTimeoutMs", async () => {
    let open = 0;
    const node = await httpNode((_request, response) => setTimeout(() => response.end("ok"), 50));
    onTestFinished(() => node[Symbol.asyncDispose]());
    node.server.keepAliveTimeout = 60_000;
    node.server.on("connection", (socket) => {
      open += 1;
      socket.once("close", () => (open -= 1));
    });
    const limits = { maxIdlePerNode: 2, nodeIdleTimeoutMs: 1_000 };
    const address = await proxyWith({ route: () => forwardTo([node]), ...limits });
    await Promise.all(Array.from({ length: 6 }, () => talk(address, get("/"))));
    await until(() => open === 2, "four to be closed");
    await until(() => open === 0, "the others to be closed");
  });
});

describe("times", () => {
  test("connectMs: a handshake that does not end is a 504, and another node is asked", async () => {
    await using silent = await rawNode((socket) => socket.resume());
    await using good = await httpNode((_request, response) => response.end("good"));
    // Long enough for the good node.
    const timeouts = { connectMs: 500, sendMs: 5_000, readMs: 5_000 };
    const outcomes: string[] = [];
    const secure = { host: silent.host, port: silent.port, secure: true };
    const address = await proxyWith({
      route: ({ target }) =>
        forwardTo(target === "/one" ? [secure] : [secure, good], outcomes, { timeouts }),
    });
    assert.match(await talk(address, get("/one")), /^HTTP\/1\.1 504 /);
    assert.match(await talk(address, get("/two")), /good$/);
    assert.deepEqual(outcomes, ["timeout", "timeout", "ok"]);
  });

  test("readMs: an answer that stops coming never looks whole", async () => {
    // Long enough for what does come.
    const timeouts = { connectMs: 5_000, sendMs: 5_000, readMs: 500 };
    const outcomes: string[] = [];
    await using node = await rawNode((socket) => {
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
    });
    const address = await proxyWith({ route: () => forwardTo([node], outcomes, { timeouts }) });
    assert.match(await talk(address, get("/")), /half$|^$/);
    assert.deepEqual(outcomes, ["timeout"]);
  });

  test("totalTimeoutMs: a decision that does not come is a 504", async () => {
    const address = await proxyWith({
      totalTimeoutMs: 150,
      route: () => new Promise(() => undefined),
    });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 504 /);
  });

  test("totalTimeoutMs: an answer that comes, but never ends, is cut", async () => {
    const outcomes: string[] = [];
    await using node = await rawNode((socket) => {
      let drip: NodeJS.Timeout;
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        drip = setInterval(() => socket.write("x"), 10);
      });
      socket.once("close", () => clearInterval(drip));
    });
    const address = await proxyWith({
      totalTimeoutMs: 1_000,
      route: () => forwardTo([node], outcomes),
    });
    assert.match(await talk(address, get("/")), /x+$|^$/);
    assert.deepEqual(outcomes, ["timeout"]);
  });

  test("clientSendTimeoutMs: a client that takes nothing is cut", async () => {
    const outcomes: string[] = [];
    await using node = await httpNode((_request, response) =>
      response.end(Buffer.alloc(64_000_000)),
    );
    const address = await proxyWith({
      clientSendTimeoutMs: 200,
      route: () => forwardTo([node], outcomes),
    });
    const one = await client(address);
    one.socket.pause();
    one.socket.write(get("/"));
    await until(() => outcomes.length > 0, "the client to be given up");
    assert.deepEqual(outcomes, ["cancelled"]);
  });

  test("a node that refuses costs no time", async () => {
    const address = await proxyWith({ route: async () => forwardTo([await deadNode()]) });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 502 /);
  });
});

describe("answers", () => {
  test.each([
    [16, 200],
    [17, 502],
  ])("maxInformational: %i: %i", async (count, status) => {
    const bytes = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(count);
    const { address } = await saying(`${bytes}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
    const answers = await talk(address, get("/"));
    assert.equal(answers.match(/^HTTP\/1\.1 103 /gm)?.length, 16);
    assert.match(answers, new RegExp(`^HTTP/1\\.1 ${status} `, "m"));
  });

  test.each([
    ["too large", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(1_000)}\r\n\r\n`],
    ["too large and without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(2_000)}`],
    ["of too many fields", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(33)}\r\n`],
  ])("a head that is %s is a 502", async (_name, bytes) => {
    const { address, outcomes } = await saying(bytes, { maxHeadBytes: 1_000, maxHeaders: 32 });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 502 /);
    assert.deepEqual(outcomes, ["tcp_failure"]);
  });

  test.each([
    ["extensions", `5;${"a".repeat(65)}\r\nhello\r\n0\r\n\r\n`],
    ["trailers", `5\r\nhello\r\n0\r\nt: ${"v".repeat(64)}\r\n\r\n`],
  ])("too many bytes of %s never look whole", async (_name, body) => {
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const limits = { maxExtensionBytes: 64, maxTrailerBytes: 64 };
    const { address, outcomes } = await saying(head + body, limits);
    assert.doesNotMatch(await talk(address, get("/")), /0\r\n\r\n$/);
    assert.deepEqual(outcomes, ["tcp_failure"]);
  });
});

describe("slow ones cost constant memory", () => {
  const large = 400_000_000;

  test.each(["shared", "public"] as const)(
    "a client that does not read: %s reads",
    async (reads) => {
      const { node, sent } = await pouringNode(large);
      await using _ = node;
      const address = await proxyWith({ reads, route: () => forwardTo([node]) });
      const one = await client(address);
      one.socket.pause();
      one.socket.write(get("/"));
      assert.ok((await settled(sent)) < held);
    },
  );

  test.each(["shared", "public"] as const)("a node that does not read: %s reads", async (reads) => {
    await using node = await rawNode((socket) => socket.pause());
    const address = await proxyWith({ reads, route: () => forwardTo([node]) });
    const one = await client(address);
    one.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large}\r\n\r\n`);
    assert.ok((await settled(push(one.socket, Buffer.alloc(65_536), large))) < held);
  });

  test("a request that waits for its decision is not read on", async () => {
    const address = await proxyWith({ route: () => new Promise(() => undefined) });
    const one = await client(address);
    one.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large}\r\n\r\n`);
    assert.ok((await settled(push(one.socket, Buffer.alloc(65_536), large))) < held);
  });

  test("a client that asks on and does not read the replies", async () => {
    let routed = 0;
    const address = await proxyWith({
      route: () => {
        routed += 1;
        return { kind: "reply", status: 200, headers: {}, body: "x".repeat(10_000) };
      },
    });
    const one = await client(address);
    one.socket.pause();
    const many = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000));
    push(one.socket, many, Infinity);
    assert.ok((await settled(() => routed)) * 10_000 < held);
    // It goes on where it was as soon as they are read.
    const before = routed;
    one.socket.resume();
    await until(() => routed > before + 5_000, "further replies");
  });

  test("clientSendTimeoutMs holds for replies as well", async () => {
    const replied: number[] = [];
    const address = await proxyWith({
      clientSendTimeoutMs: 200,
      onCompleted: ({ status }) => replied.push(status),
      route: () => ({ kind: "reply", status: 200, headers: {}, body: "x".repeat(20_000_000) }),
    });
    const one = await client(address);
    one.socket.pause();
    one.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    await until(() => replied.length === 1, "the first reply");
    // Whoever is given up is reset, and that is heard as soon as something is said.
    const drip = setInterval(() => one.socket.write("x"), 20);
    onTestFinished(() => clearInterval(drip));
    await until(() => one.closed, "the client to be given up");
    assert.equal(replied.length, 1);
  });

  test("a reply that ends the connection is sent whole to a client that is slow to read it", async () => {
    const address = await proxyWith({
      route: () => ({ kind: "reply", status: 200, headers: {}, body: "x".repeat(20_000_000) }),
    });
    const one = await client(address);
    one.socket.pause();
    one.socket.write(get("/"));
    // Longer than what is left to a client after its answer.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    one.socket.resume();
    await until(() => one.closed, "the end");
    assert.ok(one.received.endsWith("x") && one.received.length > 20_000_000);
  });

  test("requests behind one that is not answered are not read on", async () => {
    await using node = await rawNode((socket) => socket.resume());
    let routed = 0;
    const address = await proxyWith({
      route: () => {
        routed += 1;
        return forwardTo([node]);
      },
    });
    const one = await client(address);
    const many = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000));
    assert.ok((await settled(push(one.socket, many, large))) < held);
    assert.equal(routed, 1);
  });
});
