import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { Reply } from "../src/index.ts";
import { forwardTo, get, proxyWith, talk } from "./wire.ts";

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
