import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";

import { describe, onTestFinished, test } from "vitest";

import type { ListenAddress } from "../src/index.ts";
import { forwardTo, get, proxyWith, rawNode, talk, until } from "./wire.ts";

const good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/** A proxy before a node whose first answer is odd; all others are good. Counts its connections. */
async function oddOnce(
  odd: string,
  later = "",
): Promise<{ address: ListenAddress; connections: () => number; outcomes: string[] }> {
  let connections = 0;
  let isFirst = true;
  const outcomes: string[] = [];
  const node = await rawNode((socket) => {
    connections += 1;
    socket.on("data", () => {
      socket.write(isFirst ? odd : good, "latin1");
      if (isFirst && later !== "") setImmediate(() => socket.write(later, "latin1"));
      isFirst = false;
    });
  });
  onTestFinished(() => node[Symbol.asyncDispose]());
  const address = await proxyWith({ route: () => forwardTo([node], outcomes) });
  return { address, connections: () => connections, outcomes };
}

describe("bytes after an answer are nobody's", () => {
  const head = (line: string): string => `HTTP/1.1 ${line}\r\n`;

  test.each([
    ["another answer", "GET", `${good}${evil}`],
    ["a body of 204", "GET", `${head("204 No Content")}\r\n${evil}`],
    ["a body of 204 that has a length", "GET", `${head("204 X")}Content-Length: 40\r\n\r\n${evil}`],
    ["a body of 304", "GET", `${head("304 X")}Content-Length: ${evil.length}\r\n\r\n${evil}`],
    ["a body of 304 in chunks", "GET", `${head("304 X")}Transfer-Encoding: chunked\r\n\r\n${evil}`],
    ["a body for HEAD", "HEAD", `${head("200 OK")}Content-Length: ${evil.length}\r\n\r\n${evil}`],
    [
      "a body for HEAD in chunks",
      "HEAD",
      `${head("200 OK")}Transfer-Encoding: chunked\r\n\r\n${evil}`,
    ],
    ["a body after a length of zero", "GET", `${head("200 OK")}Content-Length: 0\r\n\r\n${evil}`],
    [
      "another answer after the last chunk",
      "GET",
      `${head("200 OK")}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`,
    ],
  ])("%s", async (_name, method, odd) => {
    const { address, connections } = await oddOnce(odd);
    const first = await talk(address, get("/").replace("GET", method));
    assert.equal(first.match(/HTTP\/1\.1 /g)?.length, 1, first);
    assert.doesNotMatch(first, /evil/);
    assert.match(await talk(address, get("/")), /good$/);
    assert.equal(connections(), 2);
  });

  test("bytes that come later end the connection", async () => {
    const { address, connections } = await oddOnce(good, evil);
    assert.match(await talk(address, get("/")), /good$/);
    await until(() => connections() === 1, "the first connection");
    for (let times = 0; times < 5; times += 1) {
      const answer = await talk(address, get("/"));
      assert.doesNotMatch(answer, /evil/);
    }
  });

  test.each([
    ["says something", (socket: Socket): void => void socket.write(evil)],
    ["hangs up", (socket: Socket): void => void socket.end()],
    ["breaks", (socket: Socket): void => void socket.resetAndDestroy()],
  ])("a kept connection that %s before it is asked is replaced", async (_name, act) => {
    const sockets: Socket[] = [];
    await using node = await rawNode((socket) => {
      sockets.push(socket);
      socket.on("data", () => socket.write(good));
    });
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([node], outcomes) });
    assert.match(await talk(address, get("/")), /good$/);
    assert.equal(sockets.length, 1);
    act(sockets[0]!);
    await until(() => sockets[0]!.destroyed, "its end");
    const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    assert.match(await talk(address, post), /good$/);
    assert.equal(sockets.length, 2);
    assert.deepEqual(outcomes, ["ok", "ok"]);
  });

  test.each(["HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"])(
    "a connection that ended with its answer is not asked again: %j",
    async (head) => {
      await using node = await rawNode((socket) => {
        let asked = false;
        // It goes on listening, and says no more.
        socket.on("data", () => {
          if (!asked) socket.end(`${head}\r\ngood`);
          asked = true;
        });
      });
      const address = await proxyWith({ route: () => forwardTo([node]) });
      for (let times = 0; times < 3; times += 1) {
        assert.match(await talk(address, get("/")), /^HTTP\/1\.1 200 OK\r\n[^]*good$/);
      }
    },
  );

  test("an interim answer has no body", async () => {
    const interim = `HTTP/1.1 103 Early Hints\r\nContent-Length: ${evil.length}\r\n\r\n`;
    const { address } = await oddOnce(`${interim}${good}`);
    const answer = await talk(address, get("/"));
    assert.match(answer, /^HTTP\/1\.1 103 [^]*HTTP\/1\.1 200 OK[^]*good$/);
    assert.doesNotMatch(answer.split("\r\n\r\n")[0]!, /content-length/i);
  });
});

test.each([204, 304])("a reply of %i has no body, whatever it was given", async (status) => {
  const address = await proxyWith({
    route: () => ({ kind: "reply", status, headers: { "x-own": "1" }, body: evil }),
  });
  const answers = await talk(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"));
  assert.equal(answers.match(/^HTTP\/1\.1 /gm)?.length, 2);
  assert.doesNotMatch(answers, /evil|content-length/i);
});

describe("a switch of protocols", () => {
  const ask = (protocol: string): string =>
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
  const hidden = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

  /** A node that answers each read with these bytes, and what it was sent. */
  async function node(answer: string): Promise<{ address: ListenAddress; sent: string[] }> {
    const sent: string[] = [];
    const raw = await rawNode((socket) => {
      socket.on("data", (bytes) => {
        sent.push(bytes.toString("latin1"));
        socket.write(answer);
      });
    });
    onTestFinished(() => raw[Symbol.asyncDispose]());
    const address = await proxyWith({ route: () => forwardTo([raw], [], { upgrade: true }) });
    return { address, sent };
  }

  test.each([
    [
      "that was refused",
      "HTTP/1.1 426 X\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\ngood",
      426,
    ],
    ["that was not answered to", good, 200],
  ])("%s is no tunnel", async (_name, answer, status) => {
    const { address, sent } = await node(answer);
    const received = await talk(address, ask("websocket") + get("/next"));
    assert.ok(received.startsWith(`HTTP/1.1 ${status} `));
    assert.equal(received.match(/HTTP\/1\.1 /g)?.length, 2);
    assert.equal(sent.length, 2);
    assert.match(sent[1]!, /^GET \/next HTTP\/1\.1\r\nHost: shop\.example\r\n/);
  });

  test.each([
    ["to another protocol", "Connection: Upgrade\r\nUpgrade: h2c\r\n"],
    ["to nothing", ""],
    ["to an empty name", "Connection: Upgrade\r\nUpgrade:\r\n"],
  ])("%s is a 502", async (_name, fields) => {
    const { address } = await node(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n${evil}`);
    const received = await talk(address, ask("websocket") + hidden, (all) => /502/.test(all));
    assert.match(received, /^HTTP\/1\.1 502 /);
    assert.doesNotMatch(received, /evil/);
  });

  test("to an empty name is not asked for by saying nothing", async () => {
    const { address } = await node(`HTTP/1.1 101 X\r\nUpgrade:\r\n\r\n${evil}`);
    const received = await talk(address, get("/"));
    assert.match(received, /^HTTP\/1\.1 502 /);
    assert.doesNotMatch(received, /evil/);
  });

  test.each(["h2c", "TLS/1.0", "websocket, h2c", "h2c\r\nUpgrade: h2c"])(
    "%j is not asked for, and 101 is a 502",
    async (protocol) => {
      const { address, sent } = await node(
        `HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n${evil}`,
      );
      const received = await talk(address, ask(protocol), (all) => /502/.test(all));
      assert.match(received, /^HTTP\/1\.1 502 /);
      assert.doesNotMatch(received, /evil/);
      assert.doesNotMatch(sent[0]!, /upgrade/i);
    },
  );
});

describe("a body whose answer is out already", () => {
  const hidden = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  const early = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";

  /** A node that answers as soon as it has a head, and remembers all it is sent. */
  async function hasty(): Promise<{ address: ListenAddress; sent: string[] }> {
    const sent: string[] = [];
    const raw = await rawNode((socket) => {
      const index = sent.push("") - 1;
      let answered = 0;
      socket.on("data", (bytes) => {
        sent[index] += bytes.toString("latin1");
        const heads = sent[index]!.match(/^(?:POST|GET) \/\w* HTTP/gm)?.length ?? 0;
        for (; answered < heads; answered += 1) socket.write(early);
      });
    });
    onTestFinished(() => raw[Symbol.asyncDispose]());
    return { address: await proxyWith({ route: () => forwardTo([raw]) }), sent };
  }

  test.each([
    ["a length", `Content-Length: ${hidden.length}\r\n\r\n`, hidden],
    [
      "chunks",
      "Transfer-Encoding: chunked\r\n\r\n",
      `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
    ],
  ])("is not the next request: %s", async (_name, fields, body) => {
    const { address, sent } = await hasty();
    const socket = connect(address.port, address.host);
    onTestFinished(() => void socket.destroy());
    let received = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    // The first bytes of the body go with the head, and the rest comes after the answer.
    socket.write(`POST /1 HTTP/1.1\r\nHost: a\r\n${fields}${body.slice(0, 6)}`);
    await until(() => received.endsWith("no"), "the early answer");
    socket.write(body.slice(6));
    socket.write("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await until(() => received.match(/HTTP\/1\.1 403/g)?.length === 2, "the last answer");
    assert.equal(received.match(/HTTP\/1\.1 /g)?.length, 2);
    // The connection that had half a body carries nothing else.
    assert.doesNotMatch(sent[0]!, /\/last/);
    assert.doesNotMatch(sent[1]!, /smuggled/);
    assert.equal(sent.length, 2);
  });

  test("is not the next request when 100 was asked for and never came", async () => {
    const { address, sent } = await hasty();
    const socket = connect(address.port, address.host);
    let received = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(
      `POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${hidden.length}\r\n\r\n`,
    );
    await until(() => received.endsWith("no"), "the early answer");
    assert.match(received, /^connection: close\r$/im);
    socket.write(hidden);
    await closed;
    assert.equal(received.match(/HTTP\/1\.1 /g)?.length, 1);
    assert.doesNotMatch(sent.join(""), /smuggled/);
  });

  test.each([
    ["that turns out bad", "zz\r\n", {}],
    [
      "that turns out too large",
      `5\r\nhello\r\n${"5\r\nworld\r\n".repeat(9)}`,
      { maxBodyBytes: 9 },
    ],
  ])("%s cuts the answer short: nothing is said inside of it", async (_name, rest, limits) => {
    await using raw = await rawNode((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun");
      });
    });
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([raw], outcomes), ...limits });
    const socket = connect(address.port, address.host);
    let received = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    await until(() => received.endsWith("begun"), "the answer");
    socket.write(rest);
    await closed;
    assert.ok(received.endsWith("begun"));
    assert.deepEqual(outcomes, ["cancelled"]);
  });
});
