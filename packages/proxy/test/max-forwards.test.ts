import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { forwardTo, proxyWith, rawNode, talk } from "./wire.ts";

describe("Max-Forwards", () => {
  /** Asks, and tells the answer, what the node got, and what was logged. */
  async function ask(
    request: string,
  ): Promise<{ readonly answer: string; readonly seen: string; readonly statuses: number[] }> {
    let seen = "";
    const statuses: number[] = [];
    await using node = await rawNode((socket) => {
      socket.on("data", (bytes) => {
        seen += bytes.toString("latin1");
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnode");
      });
    });
    const address = await proxyWith({
      route: () => forwardTo([node]),
      onCompleted: ({ status }) => statuses.push(status),
    });
    const [line = "", ...lines] = request.split("\n");
    const head = [`${line} HTTP/1.1`, "Host: a.example", ...lines, "Connection: close", "", ""];
    return { answer: await talk(address, head.join("\r\n")), seen, statuses };
  }

  test.each([
    ["OPTIONS /", "5", "4"],
    ["OPTIONS *", "1", "0"],
    ["TRACE /", "10", "9"],
    ["OPTIONS /", "007", "6"],
    ["OPTIONS /", "99999999999999999999999", "999999"],
  ])("%s with %s goes on with %s", async (line, value, left) => {
    const { answer, seen } = await ask(`${line}\nA: b\nmax-forwards: ${value}\nC: d`);
    assert.match(answer, /^HTTP\/1\.1 200 [^]*node$/);
    assert.deepEqual(seen.match(/^max-forwards:.*(?=\r)/gim), [`Max-Forwards: ${left}`]);
    assert.match(seen, /^A: b\r\nC: d\r$/m);
  });

  test("is counted also where Connection nominates it", async () => {
    const { seen } = await ask("OPTIONS /\nMax-Forwards: 3\nConnection: max-forwards");
    assert.deepEqual(seen.match(/^max-forwards:.*(?=\r)/gim), ["Max-Forwards: 2"]);
  });

  test("0: OPTIONS is answered here", async () => {
    const { answer, seen, statuses } = await ask("OPTIONS /secret\nMax-Forwards: 0");
    assert.match(answer, /^HTTP\/1\.1 204 [^]*\r\n\r\n$/);
    assert.equal(seen, "");
    assert.deepEqual(statuses, [204]);
  });

  test("0: TRACE gets back which way it came, and no secrets", async () => {
    const { answer, seen } = await ask(
      "TRACE /x?y\nVia: 1.1 edge\nCookie: secret\nAuthorization: secret\nMax-Forwards: 0",
    );
    const [head = "", ...body] = answer.split("\r\n\r\n");
    assert.match(head, /^HTTP\/1\.1 200 [^]*content-type: message\/http/);
    assert.equal(
      body.join("\r\n\r\n"),
      "TRACE /x?y HTTP/1.1\r\nHost: a.example\r\nVia: 1.1 edge\r\nMax-Forwards: 0\r\n\r\n",
    );
    assert.equal(seen, "");
  });

  test("0: a body is thrown away, and the connection goes on", async () => {
    const address = await proxyWith({ route: () => assert.fail() });
    const one = "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nContent-Length: 4\r\n\r\nbody";
    const answers = await talk(
      address,
      one + one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    );
    assert.equal(answers.match(/HTTP\/1\.1 204 /g)?.length, 2);
  });

  test.each(["", "-1", "+1", "1.0", "0x1", "one", "1, 1", "1 1", "1\nMax-Forwards: 1"])(
    "%j is a 400",
    async (value) => {
      const { answer, seen, statuses } = await ask(`OPTIONS /\nMax-Forwards: ${value}`);
      assert.match(answer, /^HTTP\/1\.1 400 [^]*Max-Forwards is malformed/);
      assert.equal(seen, "");
      assert.deepEqual(statuses, [400]);
    },
  );

  test.each(["0", "nonsense"])("%s means nothing to other methods", async (value) => {
    const { answer, seen } = await ask(`GET /\nMax-Forwards: ${value}`);
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(seen, new RegExp(`^Max-Forwards: ${value}\r$`, "m"));
  });
});
