import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { Reply } from "../src/index.ts";
import { forwardTo, get, proxyWith, rawNode, talk } from "./wire.ts";

const dates = (answer: string): readonly string[] =>
  [...answer.matchAll(/^date: (.*)\r$/gim)].map((match) => match[1]!);

describe("an answer of our own says when it was given", () => {
  const reply: Reply = { kind: "reply", status: 404, headers: {}, body: "no" };

  test.each([
    ["a reply", get("/reply"), 404],
    ["a failure", get("/none"), 503],
    ["a refusal", "GET / HTTP/1.1\r\n\r\n", 400],
  ])("%s", async (_name, bytes, status) => {
    const address = await proxyWith({
      route: ({ target }) => (target === "/reply" ? reply : forwardTo([])),
    });
    const beforeMs = Math.floor(Date.now() / 1_000) * 1_000;
    const answer = await talk(address, bytes);
    const afterMs = Date.now();
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `));
    const [date, ...more] = dates(answer);
    assert.deepEqual(more, []);
    const toldMs = Date.parse(date ?? "");
    assert.ok(toldMs >= beforeMs && toldMs <= afterMs, date);
    assert.equal(date, new Date(toldMs).toUTCString());
  });

  test("unless the program says it", async () => {
    const date = "Sun, 06 Nov 1994 08:49:37 GMT";
    const address = await proxyWith({ route: () => ({ ...reply, headers: { Date: date } }) });
    assert.deepEqual(dates(await talk(address, get("/"))), [date]);
  });
});

describe("a node's answer", () => {
  const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  const answer = async (lines: string): Promise<readonly string[]> => {
    await using node = await rawNode((socket) => {
      socket.on("data", () => {
        socket.write(`${interim}HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nok`);
      });
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    return (await talk(address, get("/"))).split("\r\n\r\n");
  };

  test("without a Date gets one, its interim ones do not", async () => {
    const [hints = "", head = "", body] = await answer("");
    assert.deepEqual(dates(`${hints}\r\n`), []);
    const [date = "", ...more] = dates(`${head}\r\n`);
    assert.deepEqual(more, []);
    assert.equal(new Date(date).toUTCString(), date);
    assert.equal(body, "ok");
  });

  test("keeps its own, whatever its case and value", async () => {
    const [, head = ""] = await answer("dAtE: yesterday\r\nX: y\r\n");
    assert.match(head, /^HTTP\/1\.1 200 OK\r\ndAtE: yesterday\r\nX: y\r\n/);
    assert.deepEqual(dates(`${head}\r\n`), ["yesterday"]);
  });
});
