import assert from "node:assert/strict";
import { connect } from "node:net";

import { describe, test } from "vitest";

import { forwardTo, httpNode, proxyWith, rawNode, talk, until } from "./wire.ts";

/** A node that takes this many bytes of one request, and then is gone. */
function breaking(enough: (received: string) => boolean): ReturnType<typeof rawNode> {
  return rawNode((socket) => {
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (enough(received)) socket.destroy();
    });
  });
}

/** A node that answers with method and body. */
function echoing(seen: string[]): ReturnType<typeof httpNode> {
  return httpNode((request, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => (body += piece.toString("latin1")));
    request.once("end", () => {
      seen.push(`${request.method} ${body} ${JSON.stringify(request.trailers)}`);
      response.end(`took ${body.length}`);
    });
  });
}

const took = (received: string): boolean => /took \d+$/.test(received) || /"reason"/.test(received);
const sized = (method: string, body: string): string =>
  `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe("a request that broke without an answer", () => {
  test.each([
    ["PUT", "hello", undefined, 200],
    ["DELETE", "hello", undefined, 200],
    ["POST", "hello", undefined, 502],
    ["PATCH", "hello", undefined, 502],
    ["POST", "hello", ["GET", "POST"], 200],
    ["PUT", "hello", ["GET", "POST"], 502],
    ["GET", "", [], 502],
    ["GET", "", undefined, 200],
    ["POST", "", undefined, 502],
  ])("%s %j, repeatMethods %j: %i", async (method, body, repeatMethods, status) => {
    const seen: string[] = [];
    const outcomes: string[] = [];
    await using first = await breaking((received) => received.endsWith(body || "\r\n\r\n"));
    await using second = await echoing(seen);
    const address = await proxyWith({
      route: () => forwardTo([first, second], outcomes),
      repeatMethods,
    });
    const answer = await talk(address, sized(method, body), took);
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer);
    assert.deepEqual(outcomes, status === 200 ? ["tcp_failure", "ok"] : ["tcp_failure"]);
    assert.deepEqual(seen, status === 200 ? [`${method} ${body} {}`] : []);
  });

  test.each([
    ["whole", 5, 5, 200],
    ["a byte too long", 6, 5, 502],
    ["kept not at all", 1, 0, 502],
  ])("maxReplayBytes, a body that is %s", async (_name, length, maxReplayBytes, status) => {
    const body = "x".repeat(length);
    await using first = await breaking((received) => received.endsWith(`\r\n\r\n${body}`));
    await using second = await echoing([]);
    const address = await proxyWith({ route: () => forwardTo([first, second]), maxReplayBytes });
    const answer = await talk(address, sized("PUT", body), took);
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer);
  });

  test("in the middle of its body goes on where it was, chunks and trailers and all", async () => {
    const seen: string[] = [];
    const gone = Promise.withResolvers<void>();
    await using first = await breaking((received) => {
      const isEnough = received.endsWith("hello\r\n");
      if (isEnough) gone.resolve();
      return isEnough;
    });
    await using second = await echoing(seen);
    const address = await proxyWith({ route: () => forwardTo([first, second]) });
    const client = connect(address.port, address.host);
    let received = "";
    client.on("data", (bytes) => (received += bytes.toString("latin1")));
    client.on("error", () => undefined);
    client.write("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    await gone.promise;
    client.write("6;x=y\r\n world\r\n0\r\nt: v\r\nContent-Length: 3\r\n\r\n");
    await until(() => took(received), "the answer");
    client.destroy();
    assert.match(received, /^HTTP\/1\.1 200 /);
    assert.deepEqual(seen, ['PUT hello world {"t":"v"}']);
  });

  test("when the node had begun to answer is never sent again", async () => {
    const seen: string[] = [];
    await using first = await rawNode((socket) => {
      socket.on("data", () => socket.end("HTTP/1.1 200 O"));
    });
    await using second = await echoing(seen);
    const address = await proxyWith({ route: () => forwardTo([first, second]) });
    const answer = await talk(address, sized("PUT", "hello"), took);
    assert.match(answer, /^HTTP\/1\.1 502 /);
    assert.deepEqual(seen, []);
  });
});
