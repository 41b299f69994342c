import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";

import type { Registry, ServiceView } from "@rollcall/core";
import { until } from "@rollcall/testbed";
import { beforeEach, describe, expect, test } from "vitest";

import { connected } from "./connected.ts";
import {
  type FakeEtcd,
  type FakeExchange,
  header,
  keyValue,
  rangeAnswer,
  startFake,
  watchAnswer,
  watchIdOf,
} from "./fake-etcd.ts";

const { registry: connect, discovery, use } = connected();
const query = { service: "orders" };
const signal = (): AbortSignal => AbortSignal.timeout(10_000);
const kv = (id: string, port = 1): Buffer =>
  keyValue(`/rollcall/orders/${id}`, JSON.stringify({ host: "h", port }));
const range = "/etcdserverpb.KV/Range";
const watch = "/etcdserverpb.Watch/Watch";

let fake: FakeEtcd;
let registry: Registry;
/** Answers a range with one node, and a watch as the test says. */
let onWatch: (exchange: FakeExchange, watchId: number) => void;
let onRange: (exchange: FakeExchange) => void;

beforeEach(async () => {
  onWatch = (exchange, watchId) =>
    exchange.send(watchAnswer({ watchId, created: true, revision: 5 }));
  onRange = (exchange) => {
    exchange.send(rangeAnswer(5, [kv("1")]));
    exchange.end();
  };
  fake = use(
    await startFake((exchange, bytes) => {
      if (exchange.path === range) onRange(exchange);
      else if (exchange.path === watch) {
        const watchId = watchIdOf(bytes);
        if (watchId !== undefined) onWatch(exchange, watchId);
      } else exchange.end(12, "unknown method");
    }),
  );
  registry = connect({ hosts: fake.host });
});

describe("an answer to a read", () => {
  test.each<[string, (exchange: FakeExchange) => void, object]>([
    [
      "that breaks off within a message",
      (exchange) => {
        exchange.sendRaw(Buffer.from([0, 0, 0, 0, 9, 1]));
        exchange.end();
      },
      { code: "PROTOCOL", reason: "a message breaks off" },
    ],
    [
      "that is compressed",
      (exchange) => exchange.sendRaw(Buffer.from([1, 0, 0, 0, 1, 1])),
      { code: "PROTOCOL", reason: expect.stringContaining("compressed") },
    ],
    [
      "that is no message of etcd's",
      (exchange) => {
        exchange.send(Buffer.from([0xff, 0xff, 0xff]));
        exchange.end();
      },
      { code: "PROTOCOL", reason: "the answer is no message of etcd's" },
    ],
    [
      "without a message",
      (exchange) => exchange.end(),
      { code: "PROTOCOL", reason: "an answer without a message" },
    ],
    [
      "without a status",
      (exchange) => {
        exchange.stream.respond({ ":status": 200, "content-type": "application/grpc" });
        exchange.stream.end();
      },
      { code: "UNAVAILABLE", reason: expect.stringContaining("broke") },
    ],
    [
      "of a web server",
      (exchange) => {
        exchange.stream.respond({ ":status": 404, "content-type": "text/html" });
        exchange.stream.end("<html>");
      },
      { code: "PROTOCOL", reason: expect.stringContaining("answers HTTP 404 and no gRPC") },
    ],
    [
      "with a status that is none of gRPC's",
      (exchange) => exchange.end(99, "a\r\nb\u0000c"),
      { code: "PROTOCOL", reason: "a b c (gRPC status 99)" },
    ],
    [
      "that announces gigabytes",
      (exchange) => exchange.sendRaw(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1])),
      { code: "PROTOCOL", reason: expect.stringContaining("more than") },
    ],
    [
      "that says more is to come, for ever",
      (exchange) => {
        exchange.send(rangeAnswer(5, [], { more: true }));
        exchange.end();
      },
      { code: "PROTOCOL", reason: "a page makes no progress" },
    ],
  ])("%s is an error, not an empty set", async (_, answer, error) => {
    onRange = answer;
    await expect(registry.read(query, signal())).rejects.toMatchObject(error);
  });

  test("whose pages come from different clusters is an error", async () => {
    let page = 0;
    onRange = (exchange) => {
      page += 1;
      exchange.send(rangeAnswer(5, [kv(String(page))], { more: page === 1, clusterId: page }));
      exchange.end();
    };
    await expect(registry.read(query, signal())).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("begins anew when its revision is compacted between two pages", async () => {
    let pages = 0;
    onRange = (exchange) => {
      pages += 1;
      if (pages === 2) {
        exchange.end(11, "etcdserver: mvcc: required revision has been compacted");
      } else {
        exchange.send(rangeAnswer(5, [kv(String(pages))], { more: pages === 1 }));
        exchange.end();
      }
    };
    const { nodes } = await registry.read(query, signal());
    expect(nodes.map(({ id }) => id)).toEqual(["3"]);
  });

  test("that never ends does not outlive the time limit", async () => {
    onRange = (exchange) => exchange.open();
    await expect(registry.read(query, signal())).rejects.toMatchObject({ code: "TIMEOUT" });
    // One attempt and another over a new connection.
    expect(fake.calls.filter((path) => path === range)).toHaveLength(2);
  });

  test("with keys that are not UTF-8 has the good ones, and says so", async () => {
    onRange = (exchange) => {
      const bad = Buffer.concat([Buffer.from("/rollcall/orders/"), Buffer.from([0xff])]);
      const broken = kv("1");
      // The key's last byte is the id.
      const at = broken.indexOf("/rollcall/orders/1");
      bad.copy(broken, at);
      exchange.send(rangeAnswer(5, [broken, kv("2")]));
      exchange.end();
    };
    const { nodes, rejected } = await registry.read(query, signal());
    expect(nodes.map(({ id }) => id)).toEqual(["2"]);
    expect(rejected).toMatchObject([{ error: { code: "RECORD", reason: "the key is not UTF-8" } }]);
  });
});

describe("a server that is none", () => {
  test("but speaks HTTP/1.1 is told by name", async () => {
    const server = createServer((_, response) => response.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(
      connect({ hosts: `127.0.0.1:${port}` }).read(query, signal()),
    ).rejects.toMatchObject({
      code: "PROTOCOL",
      reason: `http://127.0.0.1:${port} answers, but not in HTTP/2, so it is no etcd`,
    });
    // Among members it is passed over.
    const both = connect({ hosts: [`127.0.0.1:${port}`, fake.host], random: () => 0 });
    expect((await both.read(query, signal())).nodes).toHaveLength(1);
    server.closeAllConnections();
    server.close();
  });

  test("and accepts in silence leaves no connection behind", async () => {
    let open = 0;
    const server = createTcpServer((socket) => {
      open += 1;
      socket.on("error", () => undefined);
      socket.on("close", () => (open -= 1));
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const silent = connect({ hosts: `127.0.0.1:${port}`, timeouts: { connectMs: 100 } });
    await expect(silent.read(query, signal())).rejects.toMatchObject({ code: "TIMEOUT" });
    const reading = silent.read(query, signal());
    reading.catch(() => undefined);
    await until(() => open === 1, { what: "a second attempt" });
    await silent[Symbol.asyncDispose]();
    await expect(reading).rejects.toMatchObject({ code: "CLOSED" });
    await until(() => open === 0, { what: "its end" });
    server.close();
  });
});

describe("a watch", () => {
  async function view(): Promise<ServiceView> {
    const opened = discovery(registry).service("orders");
    await opened.ready();
    return opened;
  }

  async function stale(opened: ServiceView): Promise<string> {
    await until(() => opened.snapshot.state === "stale", { what: "a stale snapshot" });
    expect(opened.nodes.map(({ id }) => id)).toEqual(["1"]);
    return `${opened.snapshot.cause?.code}: ${opened.snapshot.cause?.reason}`;
  }

  test("that is refused without its id is the oldest one asked for", async () => {
    onWatch = (exchange) =>
      exchange.send(
        watchAnswer({
          watchId: -1,
          created: true,
          canceled: true,
          cancelReason: "permission denied",
        }),
      );
    expect(await stale(await view())).toBe("AUTH: the server ended the watch: permission denied");
  });

  test("below the compaction reads everything anew", async () => {
    let watches = 0;
    onWatch = (exchange, watchId) => {
      watches += 1;
      exchange.send(watchAnswer({ watchId, created: true, revision: 5 }));
      if (watches > 1) return;
      onRange = (next) => {
        next.send(rangeAnswer(9, [kv("1"), kv("2")]));
        next.end();
      };
      exchange.send(watchAnswer({ watchId, canceled: true, compactRevision: 9 }));
    };
    const opened = await view();
    await until(() => opened.nodes.length === 2 || opened.snapshot.state === "stale", {
      what: "the re-read",
    });
    onWatch = (exchange, watchId) =>
      exchange.send(watchAnswer({ watchId, created: true, revision: 9 }));
    await until(() => opened.nodes.length === 2 && opened.snapshot.state === "fresh", {
      what: "the re-read",
    });
  });

  test("on a store that went back, or of another cluster, is not believed", async () => {
    onWatch = (exchange, watchId) =>
      exchange.send(watchAnswer({ watchId, created: true, revision: 3 }));
    expect(await stale(await view())).toContain("went back from revision 5 to 3");
    onWatch = (exchange, watchId) =>
      exchange.send(watchAnswer({ watchId, created: true, revision: 5, clusterId: 8 }));
    const other = connect({ hosts: fake.host });
    const opened = discovery(other).service("orders");
    await opened.ready();
    expect(await stale(opened)).toContain("another cluster");
  });

  test("passes on a revision when all of its parts are there", async () => {
    let stream: FakeExchange | undefined;
    onWatch = (exchange, watchId) => {
      stream = exchange;
      exchange.send(watchAnswer({ watchId, created: true, revision: 5 }));
    };
    const opened = await view();
    const sizes: number[] = [];
    const following = (async () => {
      for await (const { nodes } of opened) sizes.push(nodes.length);
    })();
    await until(() => stream !== undefined, { what: "the watch" });
    stream?.send(watchAnswer({ watchId: 1, revision: 6, fragment: true, puts: [kv("2")] }));
    stream?.send(watchAnswer({ watchId: 1, revision: 6, fragment: true, puts: [kv("3")] }));
    stream?.send(watchAnswer({ watchId: 1, revision: 6, puts: [kv("4")] }));
    await until(() => opened.nodes.length === 4, { what: "all parts" });
    opened[Symbol.dispose]();
    await following;
    expect(sizes.filter((size) => size !== 1 && size !== 4)).toEqual([]);
  });

  test("that is quiet stays open as long as its connection lives", async () => {
    registry = connect({ hosts: fake.host, timeouts: { noticeMs: 1_000 } });
    const opened = await view();
    const states = new Set<string>();
    const following = (async () => {
      for await (const { state } of opened) states.add(state);
    })();
    const reads = (): number => fake.calls.filter((path) => path === range).length;
    const before = reads();
    await until(() => reads() > before + 5, { what: "some questions" });
    // Not even those are answered: then a ping must be.
    onRange = () => undefined;
    await until(() => reads() > before + 10, { what: "more questions" });
    opened[Symbol.dispose]();
    await following;
    expect(states).toEqual(new Set(["fresh"]));
    expect(fake.sessions.size).toBe(1);
  });

  test("that is never begun is given up, whatever else the stream says", async () => {
    registry = connect({ hosts: fake.host, timeouts: { requestMs: 600 } });
    onWatch = (exchange, watchId) => {
      if (watchId === 1) exchange.send(watchAnswer({ watchId, created: true, revision: 5 }));
    };
    const first = discovery(registry).service("users");
    await first.ready();
    expect(await stale(await view())).toBe(
      "TIMEOUT: the server does not begin the watch within 600 ms",
    );
    expect(first.snapshot.state).toBe("fresh");
  });

  test("whose stream ends in good order is taken up again", async () => {
    onWatch = (exchange) => exchange.end();
    expect(await stale(await view())).toBe("UNAVAILABLE: the server ended the stream");
  });

  test("with an answer that is no message is given up", async () => {
    onWatch = (exchange) => exchange.send(Buffer.from([0xff, 0xff]));
    expect(await stale(await view())).toBe("PROTOCOL: an answer is no message of etcd's");
  });

  test("goes on when the server says that it goes away, until it does", async () => {
    let stream: FakeExchange | undefined;
    onWatch = (exchange, watchId) => {
      stream ??= exchange;
      exchange.send(watchAnswer({ watchId, created: true, revision: 5 }));
    };
    const opened = await view();
    await until(() => stream !== undefined, { what: "the watch" });
    for (const session of fake.sessions) session.goaway(0);
    stream?.send(watchAnswer({ watchId: 1, revision: 6, puts: [kv("2")] }));
    await until(() => opened.nodes.length === 2, { what: "the change" });
    // New questions take a new connection.
    await registry.read(query, signal());
    expect(fake.sessions.size).toBe(2);
  });

  test("ignores answers about watches it does not know", async () => {
    onWatch = (exchange, watchId) => {
      exchange.send(watchAnswer({ watchId, created: true, revision: 5 }));
      exchange.send(watchAnswer({ watchId: 99, revision: 6, puts: [kv("9")] }));
      exchange.send(header(7));
      exchange.send(watchAnswer({ watchId, revision: 8, puts: [kv("2")] }));
    };
    const opened = await view();
    await until(() => opened.nodes.length === 2, { what: "the change" });
    expect(opened.nodes.map(({ id }) => id)).toEqual(["1", "2"]);
  });
});
