import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";

import { createProxy, type Proxy, type UpstreamNode } from "../src/index.ts";
import {
  pieces,
  type RequestMessage,
  requestBytes,
  requestMessages,
  responseBytes,
  type ResponseMessage,
  responseMessages,
} from "./fuzz/messages.ts";
import { Random } from "./fuzz/random.ts";
import { RequestCheck } from "./fuzz/request-check.ts";
import { RequestReader } from "./fuzz/request-reading.ts";
import { ResponseCheck } from "./fuzz/response-check.ts";
import {
  askProxy,
  dialProxy,
  forwardTo,
  listenOn,
  type ProxyAddress,
  rawNode,
  until,
} from "./wire.ts";

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

describe("what is meant is what is read, and what is forwarded", () => {
  test("requests", () => {
    const reader = new RequestReader();
    const check = new RequestCheck();
    fc.assert(
      fc.property(requestMessages, fc.integer(), (message, seed) => {
        const bytes = requestBytes(message);
        const read = reader.read(Buffer.from(`${bytes}GET /`, "latin1"));
        assert.ok(read.kind === "read");
        assert.equal(read.end, bytes.length);
        assert.equal(read.head.method, message.method);
        assert.equal(read.head.target, message.target);
        assert.equal(read.head.host, message.host);
        assert.equal(read.data, message.body.join(""));
        check.check(bytes, new Random(seed));
      }),
      { numRuns: 1_000 },
    );
    assert.equal(check.tally.agreements.get("both accept"), 1_000);
  });

  test("answers", () => {
    const check = new ResponseCheck();
    fc.assert(
      fc.property(responseMessages, fc.integer(), (message, seed) => {
        check.check(responseBytes(message), new Random(seed));
      }),
      { numRuns: 1_000 },
    );
    assert.equal(check.tally.agreements.get("both accept"), 1_000);
  });
});

/** What came out at the other end. */
interface Arrived {
  readonly start: string;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

async function arrived(message: IncomingMessage, start: string): Promise<Arrived> {
  let body = "";
  for await (const bytes of message) body += (bytes as Buffer).toString("latin1");
  const own = (raw: readonly string[]): string[] =>
    raw.filter((_, at) => /^X-.*-t$/s.test(raw[at - (at % 2)]!));
  return { start, body, fields: own(message.rawHeaders), trailers: own(message.rawTrailers) };
}

function expected(message: RequestMessage | ResponseMessage, start: string): Arrived {
  const { fields, body, trailers } = message;
  return { start, fields: fields.flat(), body: body.join(""), trailers: trailers.flat() };
}

async function writeAll(socket: Socket, all: readonly Buffer[]): Promise<void> {
  for (const one of all) {
    socket.write(one);
    // So that most pieces are read one by one.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each([
  ["shared", "plain"],
  ["public", "plain"],
  ["shared", "tls"],
] as const)("through a proxy, in pieces: %s reads, %s", (reads, wire) => {
  const seen: Promise<Arrived>[] = [];
  let message: ResponseMessage;
  let answerCuts: readonly number[] = [];
  const nodes = {
    http: undefined as UpstreamNode | undefined,
    raw: undefined as UpstreamNode | undefined,
  };
  const server = createServer((request, response) => {
    seen.push(arrived(request, `${request.method} ${request.url} ${request.headers.host}`));
    request.once("end", () => response.end());
  });
  let proxy: Proxy;
  let address: ProxyAddress;
  let raw: Awaited<ReturnType<typeof rawNode>>;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    nodes.http = { host: "127.0.0.1", port, secure: false };
    raw = await rawNode((socket) => {
      socket.setNoDelay(true);
      socket.on("data", () => void writeAll(socket, pieces(responseBytes(message), answerCuts)));
    });
    nodes.raw = raw;
    proxy = createProxy({
      reads,
      route: (head) => forwardTo([head.header("x-raw") === undefined ? nodes.http! : nodes.raw!]),
    });
    address = await listenOn(proxy, wire);
  });

  afterAll(async () => {
    await proxy.close({ drainMs: 0 });
    await raw[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test("requests, one after another on a connection", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(requestMessages, { minLength: 1, maxLength: 3 }),
        cuts,
        async (all, at) => {
          seen.length = 0;
          const socket = dialProxy(address);
          socket.on("error", () => undefined).resume();
          await writeAll(socket, pieces(all.map(requestBytes).join(""), at));
          await until(() => seen.length >= all.length, "the requests");
          assert.deepEqual(
            await Promise.all(seen),
            all.map((one) => expected(one, `${one.method} ${one.target} ${one.host}`)),
          );
          socket.destroy();
        },
      ),
      { numRuns: 150 },
    );
  });

  test("answers", async () => {
    await fc.assert(
      fc.asyncProperty(responseMessages, cuts, async (one, at) => {
        message = one;
        answerCuts = at;
        const answer = await new Promise<Arrived>((resolve, reject) => {
          askProxy(address, { headers: { "x-raw": 1 } }, (response) => {
            arrived(response, `${response.statusCode} ${response.statusMessage}`).then(
              resolve,
              reject,
            );
          })
            .once("error", reject)
            .end();
        });
        assert.deepEqual(answer, expected(one, `${one.status} ${one.reason}`));
      }),
      { numRuns: 150 },
    );
  });
});
