import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, describe, test, vi } from "vitest";

import { createProxy, type Proxy, type UpstreamNode } from "../src/index.ts";
import { Random } from "./fuzz/random.ts";
import {
  askProxy,
  authority,
  certificateFor,
  dialProxy,
  forwardTo,
  listenOn,
  type ProxyAddress,
  until,
} from "./wire.ts";

// Read buffers are used again at once. Here each is overwritten as soon as it is free, so that whoever still
// holds it sends nonsense: that of clients after their callback, that of a plain node unless it is paused.

vi.mock(import("../src/client/shared-reads.ts"), async (original) => {
  const { SharedReads } = await original();
  return {
    SharedReads: class extends SharedReads {
      constructor(mode: "shared" | "public") {
        super(mode, true);
      }
    },
  };
});

vi.mock(import("../src/node/dial.ts"), async (original) => {
  const module = await original();
  return {
    ...module,
    dial: (node, options, onBytes) => {
      const socket = module.dial(node, options, (bytes, length) => {
        onBytes(bytes, length);
        if (!node.secure && !socket.isPaused()) bytes.fill(0xdd, 0, length);
      });
      return socket;
    },
  } satisfies typeof module;
});

/** Bytes that say whose they are, and where they belong. */
function marked(id: string, bytes: number): Buffer {
  const record = (at: number): string => `<${id}:${String(at).padStart(8, "0")}>`;
  const one = record(0).length;
  const all = Array.from({ length: Math.ceil(bytes / one) }, (_, at) => record(at));
  return Buffer.from(all.join("").slice(0, bytes), "latin1");
}

interface Job {
  readonly id: string;
  readonly payload: Buffer;
  readonly chunked: boolean;
  /** How many turns of the event loop the client waits between its reads. */
  readonly readsSlowly: number;
  /** How long the node, and the client, wait before their first read, in ms. */
  readonly nodeWaitsMs: number;
  readonly clientWaitsMs: number;
  /** Bytes of the answer after which the client leaves. */
  readonly leavesAfter: number;
}

function job(index: number, random: Random): Job {
  const id = String(index).padStart(6, "0");
  const sizes = [0, 1, 100, 5_000, 9_000, 70_000, 400_000, 1_500_000];
  const bytes = random.pick(sizes);
  return {
    id,
    payload: marked(id, bytes),
    chunked: random.chance(2),
    readsSlowly: random.chance(2) ? random.int(6) : 0,
    nodeWaitsMs: random.chance(4) ? 15 : 0,
    clientWaitsMs: 0,
    leavesAfter: random.chance(5) ? random.int(bytes + 1) : Infinity,
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done));
}

describe.each(["plain", "tls"] as const)(
  "no byte of one connection is ever seen on another: %s",
  (wire) => {
    const jobs = new Map<string, Job>();
    let wrong = 0;
    let upgraded = 0;
    const serve: RequestListener = (request, response) => {
      const { id, payload, chunked, nodeWaitsMs } = jobs.get(String(request.headers["x-id"]))!;
      let at = 0;
      request.on("error", () => undefined);
      response.writeHead(200, {
        "x-id": id,
        ...(chunked ? {} : { "content-length": payload.length }),
      });
      if (nodeWaitsMs > 0) {
        request.pause();
        setTimeout(() => request.resume(), nodeWaitsMs);
      }
      request.on("data", (bytes: Buffer) => {
        if (!payload.subarray(at, at + bytes.length).equals(bytes)) wrong += 1;
        at += bytes.length;
        if (!response.write(bytes)) request.pause();
      });
      response.on("drain", () => request.resume());
      request.once("end", () => response.end());
    };
    const server =
      wire === "plain" ? createServer(serve) : createHttps(certificateFor("127.0.0.1"), serve);
    server.on("upgrade", (_request, socket) => {
      upgraded += 1;
      socket.on("error", () => undefined);
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      );
      socket.pipe(socket);
    });
    let proxy: Proxy;
    let address: ProxyAddress;

    beforeAll(async () => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const node: UpstreamNode = { host: "127.0.0.1", port, secure: wire === "tls" };
      proxy = createProxy({
        nodeTls: { ca: authority.caPem },
        route: () => forwardTo([node], [], { upgrade: true }),
      });
      address = await listenOn(proxy, wire);
    });

    afterAll(async () => {
      await proxy.close({ drainMs: 0 });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    async function run(one: Job): Promise<void> {
      jobs.set(one.id, one);
      const { payload, readsSlowly, leavesAfter, clientWaitsMs } = one;
      const headers = {
        "x-id": one.id,
        ...(one.chunked
          ? { "transfer-encoding": "chunked" }
          : { "content-length": payload.length }),
      };
      const request = askProxy(address, { method: "POST", headers });
      request.on("error", () => undefined);
      // In pieces of their own, so that several clients' bytes meet in one turn.
      const send = async (): Promise<void> => {
        for (let at = 0; at < payload.length && !request.destroyed; at += 60_000) {
          request.write(payload.subarray(at, at + 60_000));
          await turns(1);
        }
        request.end();
      };
      void send();
      await new Promise<void>((resolve, reject) => {
        request.once("close", resolve);
        request.once("response", (response) => {
          const read = async (): Promise<void> => {
            let at = 0;
            assert.equal(response.headers["x-id"], one.id);
            if (clientWaitsMs > 0) await new Promise((done) => setTimeout(done, clientWaitsMs));
            for await (const bytes of response) {
              const piece = bytes as Buffer;
              assert.ok(
                payload.subarray(at, at + piece.length).equals(piece),
                `${one.id} at ${at}`,
              );
              at += piece.length;
              if (at >= leavesAfter) break;
              await turns(readsSlowly);
            }
            if (leavesAfter === Infinity) assert.equal(at, payload.length);
            request.destroy();
          };
          read().then(resolve, reject);
        });
      });
    }

    test("requests and answers, slow readers, clients that leave", async () => {
      const random = new Random(6);
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < 240) {
          next += 1;
          await run(job(next, random));
        }
      };
      await Promise.all(Array.from({ length: 16 }, worker));
      assert.equal(wrong, 0);
    }, 300_000);

    test("pipes that are full both ways", async () => {
      // More than the kernel holds for a connection.
      const bytes = 12_000_000;
      const all = Array.from({ length: 6 }, (_, at) => {
        const id = `full-${at}`;
        const chunked = at % 2 === 0;
        const waits = { nodeWaitsMs: 150, clientWaitsMs: 300, readsSlowly: 0 };
        // Two of them leave while bytes of theirs are still held.
        const leavesAfter = at < 4 ? Infinity : 2_000_000;
        return run({ id, payload: marked(id, bytes), chunked, ...waits, leavesAfter });
      });
      await Promise.all(all);
      assert.equal(wrong, 0);
    });

    test("pipelined requests on connections side by side", async () => {
      const talkers = Array.from({ length: 8 }, async (_, client) => {
        const ids = Array.from({ length: 40 }, (_none, at) => `p${client}-${at}`);
        for (const id of ids) {
          const payload = marked(id, 10 + id.length);
          const waits = { readsSlowly: 0, nodeWaitsMs: 0, clientWaitsMs: 0 };
          jobs.set(id, { id, payload, chunked: false, ...waits, leavesAfter: Infinity });
        }
        const bytes = ids.map((id) => {
          const { payload } = jobs.get(id)!;
          return `POST / HTTP/1.1\r\nHost: a\r\nX-Id: ${id}\r\nContent-Length: ${payload.length}\r\n\r\n${payload.toString()}`;
        });
        let received = "";
        const socket = dialProxy(address);
        socket.on("data", (piece) => (received += piece.toString("latin1")));
        for (const one of bytes) {
          socket.write(one.slice(0, 30));
          await turns(1);
          socket.write(one.slice(30));
        }
        const last = jobs.get(ids.at(-1)!)!.payload.toString();
        await until(() => received.endsWith(last), "the last answer");
        socket.destroy();
        const told = [...received.matchAll(/^x-id: (.*)\r$/gm)].map(([, id]) => id);
        assert.deepEqual(told, ids);
        const bodies = [...received.matchAll(/\r\n\r\n(<.*?)(?=HTTP\/1\.1|$)/gs)].map(
          ([, body]) => body,
        );
        assert.deepEqual(
          bodies,
          ids.map((id) => jobs.get(id)!.payload.toString()),
        );
      });
      await Promise.all(talkers);
      assert.equal(wrong, 0);
    });

    test("tunnels", async () => {
      const tunnels = Array.from({ length: 4 }, async (_, client) => {
        const payload = marked(`t${client}`, 9_000_000);
        const socket = dialProxy(address);
        socket.on("error", () => undefined);
        const head =
          "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        // Some bytes right behind the head, and more than the kernel holds while the answer is under way.
        socket.write(Buffer.concat([Buffer.from(head), payload.subarray(0, 3_000)]));
        socket.write(payload.subarray(3_000));
        await until(() => upgraded === 4, "the tunnels to stand");
        await new Promise((resolve) => setTimeout(resolve, 200));
        let start = Buffer.alloc(0);
        let at = -1;
        for await (const bytes of socket) {
          let piece = bytes as Buffer;
          if (at === -1) {
            start = Buffer.concat([start, piece]);
            const end = start.indexOf("\r\n\r\n");
            if (end === -1) continue;
            piece = start.subarray(end + 4);
            at = 0;
          }
          assert.ok(
            payload.subarray(at, at + piece.length).equals(piece),
            `tunnel ${client} at ${at}`,
          );
          at += piece.length;
          if (at >= payload.length) break;
        }
        assert.equal(at, payload.length);
      });
      await Promise.all(tunnels);
      assert.equal(upgraded, 4);
    });
  },
);
