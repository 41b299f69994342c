import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";

import { afterEach, describe, expect, it } from "vitest";

import { countingProxy } from "../src/registry/counting-proxy.ts";
import { wireCounter } from "../src/registry/wire-counter.ts";

/** Counts bytes that arrive in pieces of a size. */
function countIn(wire: "http1" | "http2" | "zookeeper", bytes: Buffer, size: number): number {
  const counter = wireCounter(wire);
  let count = 0;
  for (let at = 0; at < bytes.length; at += size) {
    count += counter.push(bytes.subarray(at, at + size));
  }
  return count;
}

function http2Frame(type: number, flags: number, length: number): Buffer {
  const frame = Buffer.alloc(9 + length, 7);
  frame.writeUIntBE(length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  return frame;
}

const http1 = Buffer.from(
  "GET /v1/health HTTP/1.1\r\nhost: a\r\n\r\nPUT /v1/x HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
);
const http2 = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  http2Frame(4, 0, 12), // settings
  http2Frame(1, 4, 40), // the head of a call
  http2Frame(0, 0, 25), // its message
  http2Frame(0, 1, 0), // its end
  http2Frame(6, 0, 8), // a ping
  http2Frame(6, 1, 8), // an answer to one
  http2Frame(8, 0, 4), // a window
  http2Frame(0, 0, 300), // one more message
]);
const zookeeper = Buffer.concat(
  [8, 44, 0, 300].map((length) => {
    const frame = Buffer.alloc(4 + length, 1);
    frame.writeUInt32BE(length);
    return frame;
  }),
);

describe("requests on the wire", () => {
  it.each([1, 2, 7, 64, 100_000])("are counted in pieces of %i bytes", (size) => {
    expect(countIn("http1", http1, size)).toBe(2);
    expect(countIn("http2", http2, size)).toBe(3);
    expect(countIn("zookeeper", zookeeper, size)).toBe(4);
  });
});

describe("the counting proxy", () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  it("passes on what it counts, on every port", async () => {
    const server = createServer((socket) => socket.pipe(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ends.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const proxy = await countingProxy({
      url: `http://127.0.0.1:${port}/path/`,
      ports: [{ offset: 0, wire: "http1" }],
    });
    ends.push(() => proxy[Symbol.asyncDispose]());
    expect(new URL(proxy.url).pathname).toBe("/path/");
    const socket = connect(Number(new URL(proxy.url).port), "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\n\r\n");
    const [echo] = (await once(socket, "data")) as [Buffer];
    expect(String(echo)).toBe("GET / HTTP/1.1\r\n\r\n");
    expect(proxy).toMatchObject({ connections: 1, requests: 1, bytes: 18 });
    await proxy[Symbol.asyncDispose]();
    if (!socket.destroyed) await once(socket, "close");
  });
});
