import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

import { describe, onTestFinished, test, vi } from "vitest";

import type { Forward, ListenAddress, ProxyOptions } from "../src/index.ts";
import { ResponseScan } from "../src/http1/response-scan.ts";
import { forwardTo, get, httpNode, proxyWith, rawNode, talk, until } from "./wire.ts";

interface Talker {
  readonly socket: Socket;
  received: string;
  ended: boolean;
  closed: boolean;
}

/** A client whose half stays open until it says so. */
async function talker({ port, host }: ListenAddress): Promise<Talker> {
  const socket = connect({ port, host, allowHalfOpen: true });
  const one: Talker = { socket, received: "", ended: false, closed: false };
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => (one.received += bytes.toString("latin1")));
  socket.once("end", () => (one.ended = true));
  socket.once("close", () => (one.closed = true));
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return one;
}

describe("a client that ends its half", () => {
  /** Asks, ends its half when the node was asked, and lets the node answer. */
  async function ask(halfClose: ProxyOptions["halfClose"], bytes: string): Promise<Result> {
    const outcomes: string[] = [];
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    const node = await rawNode((socket) => {
      socket.on("data", () => {
        asked += 1;
        if (asked > 1) return;
        const answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
        void gate.promise.then(() => socket.writable && socket.write(answer));
      });
    });
    onTestFinished(() => node[Symbol.asyncDispose]());
    const address = await proxyWith({ route: () => forwardTo([node], outcomes), halfClose });
    const client = await talker(address);
    client.socket.end(bytes);
    await until(() => asked > 0 || outcomes.length > 0, "the node to be asked");
    return { client, outcomes, answer: gate.resolve };
  }

  interface Result {
    readonly client: Talker;
    readonly outcomes: string[];
    readonly answer: () => void;
  }

  test.each([undefined, "cancel"] as const)("has left: halfClose %s", async (halfClose) => {
    const { client, outcomes } = await ask(halfClose, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => client.closed && outcomes.length > 0, "the end");
    assert.equal(client.received, "");
    assert.deepEqual(outcomes, ["cancelled"]);
  });

  test("waits for its answer: halfClose serve", async () => {
    const { client, outcomes, answer } = await ask("serve", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    answer();
    await until(() => client.closed, "the end");
    assert.match(client.received, /^HTTP\/1\.1 200 [^]*done$/);
    assert.deepEqual(outcomes, ["ok"]);
  });

  test("waits for all its answers: halfClose serve", async () => {
    const one = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const answers: (() => void)[] = [];
    await using node = await rawNode((socket) => {
      socket.on("data", () =>
        answers.push(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")),
      );
    });
    const address = await proxyWith({ route: () => forwardTo([node]), halfClose: "serve" });
    const client = await talker(address);
    client.socket.end(one + one + one);
    for (let asked = 1; asked <= 3; asked += 1) {
      await until(() => answers.length === asked, `request ${asked}`);
      answers[asked - 1]!();
    }
    await until(() => client.closed, "the end");
    assert.equal(client.received.match(/done/g)?.length, 3);
  });

  test("has begun another request that will never be whole: halfClose serve", async () => {
    const answer = Promise.withResolvers<void>();
    await using node = await rawNode((socket) => {
      const bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
      socket.once("data", () => void answer.promise.then(() => socket.write(bytes)));
    });
    const options = { halfClose: "serve", headTimeoutMs: 500 } as const;
    const address = await proxyWith({ route: () => forwardTo([node]), ...options });
    const client = await talker(address);
    client.socket.end("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
    await until(() => node.connections.size === 1, "the request");
    answer.resolve();
    await until(() => client.closed, "the end");
    assert.match(client.received, /^HTTP\/1\.1 200 [^]*done(?:HTTP\/1\.1 408 [^]*)?$/);
  });

  test.each(["", "frames"])(
    "switches to a tunnel, of which its half has ended: %j, halfClose serve",
    async (frames) => {
      let seen = "";
      let ended = false;
      await using node = await rawNode((socket) => {
        socket.once("end", () => {
          ended = true;
          socket.end("all");
        });
        socket.on("data", (bytes) => {
          seen += bytes.toString("latin1");
          if (!seen.endsWith("\r\n\r\n")) return;
          const head = "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
          setTimeout(() => socket.write(head), 20);
        });
      });
      const route = (): Forward => forwardTo([node], [], { upgrade: true });
      const client = await talker(await proxyWith({ route, halfClose: "serve" }));
      client.socket.end(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + frames,
      );
      await until(() => client.closed, "the end");
      assert.equal(seen.split("\r\n\r\n")[1], frames);
      assert.equal(ended, true);
      assert.match(client.received, /^HTTP\/1\.1 101 [^]*\r\n\r\nall$/);
    },
  );

  test("in the middle of its body has left whatever is configured", async () => {
    const bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
    const { client, outcomes } = await ask("serve", bytes);
    await until(() => client.closed && outcomes.length > 0, "the end");
    assert.equal(client.received, "");
    assert.deepEqual(outcomes, ["cancelled"]);
  });
});

describe("a connection that ends with its answer", () => {
  test("is read on, so that the answer is not lost to what the client still sends", async () => {
    const address = await proxyWith({ route: () => forwardTo([]), maxBodyBytes: 10 });
    const client = await talker(address);
    const length = 8_000_000;
    client.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    client.socket.end(Buffer.alloc(length));
    await until(() => client.closed, "the end");
    assert.match(client.received, /^HTTP\/1\.1 413 [^]*\n$/);
  });

  test("lingerTimeoutMs: but not for ever", async () => {
    const address = await proxyWith({ route: () => forwardTo([]), lingerTimeoutMs: 200 });
    const client = await talker(address);
    client.socket.write("nonsense\r\n\r\n");
    await until(() => client.ended, "the refusal");
    assert.match(client.received, /^HTTP\/1\.1 400 /);
    assert.equal(client.closed, false);
    const drip = setInterval(() => client.socket.write("x"), 10);
    onTestFinished(() => clearInterval(drip));
    await until(() => client.closed, "the end");
  });

  test("discardTimeoutMs: a body that nobody wants is not waited for for ever", async () => {
    const address = await proxyWith({ route: () => forwardTo([]), discardTimeoutMs: 200 });
    const client = await talker(address);
    client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nsome");
    const drip = setInterval(() => client.socket.write("x"), 10);
    onTestFinished(() => clearInterval(drip));
    await until(() => client.closed, "the end");
    assert.match(client.received, /^HTTP\/1\.1 503 /);
  });
});

describe("a tunnel", () => {
  async function tunnel(more: Partial<ProxyOptions>): Promise<Tunnel> {
    const outcomes: string[] = [];
    const nodes: Socket[] = [];
    const node = await rawNode((socket) => {
      nodes.push(socket);
      let isOpen = false;
      socket.on("data", (bytes) => {
        if (isOpen) {
          socket.write(bytes);
          return;
        }
        isOpen = true;
        socket.write(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
      });
    });
    onTestFinished(() => node[Symbol.asyncDispose]());
    const address = await proxyWith({
      route: () => forwardTo([node], outcomes, { upgrade: true }),
      ...more,
    });
    const client = await talker(address);
    client.socket.write(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    await until(() => client.received.endsWith("\r\n\r\n"), "the switch");
    assert.match(client.received, /^HTTP\/1\.1 101 /);
    client.received = "";
    return { client, outcomes, node };
  }

  interface Tunnel {
    readonly client: Talker;
    readonly outcomes: string[];
    readonly node: { readonly connections: Set<Socket> };
  }

  test("tunnelIdleTimeoutMs: ends when both are silent, and not before", async () => {
    const { client, outcomes, node } = await tunnel({
      tunnelIdleTimeoutMs: 1_500,
      // No bound of an exchange ends a tunnel.
      totalTimeoutMs: 100,
      idleTimeoutMs: 100,
      bodyTimeoutMs: 100,
    });
    for (let turn = 1; turn <= 8; turn += 1) {
      client.socket.write("x");
      await until(() => client.received.length === turn, `echo ${turn}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    assert.equal(client.ended, false);
    await until(() => client.ended && node.connections.size === 0, "the end");
    assert.deepEqual(outcomes, ["ok"]);
  });

  test("either side may end its half", async () => {
    const { client, outcomes } = await tunnel({});
    client.socket.end("last");
    await until(() => client.closed, "the end");
    assert.equal(client.received, "last");
    assert.deepEqual(outcomes, ["ok"]);
  });
});

describe.runIf(process.platform === "linux")("tcpKeepAliveMs", () => {
  /** What the kernel's timer of a connection is for (2: keep-alive), and when it is due, in s. */
  function timerOf(
    local: number,
    remote: number,
  ): { readonly kind: number; readonly dueS: number } {
    const hex = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
    const line = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .find((row) => row.includes(hex(local)) && row.includes(`${hex(remote)}01 `));
    const [, kind = "", due = ""] = / (\d\d):([0-9A-F]{8}) [0-9A-F]{8} /.exec(line ?? "") ?? [];
    return { kind: Number(kind), dueS: Number.parseInt(due, 16) / 100 };
  }

  test("the kernel asks after silent clients and nodes", async () => {
    let nodeSees: number | undefined;
    await using node = await rawNode((socket) => {
      nodeSees = socket.remotePort;
      socket.resume();
    });
    const address = await proxyWith({ route: () => forwardTo([node]), tcpKeepAliveMs: 30_000 });
    const client = await talker(address);
    client.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => nodeSees !== undefined, "the node to be asked");
    for (const [local, remote] of [
      [address.port, client.socket.localPort!],
      [nodeSees!, node.port],
    ] as const) {
      // Until what was sent is acknowledged, the timer is for sending it again.
      await until(() => timerOf(local, remote).kind === 2, `keep-alive of ${local}`);
      const { dueS } = timerOf(local, remote);
      assert.ok(dueS > 15 && dueS <= 30, `due in ${dueS} s`);
    }
  });
});

describe("a shape of failures that throws", () => {
  test("is replaced by the default one, and the process goes on", async () => {
    const address = await proxyWith({
      route: () => forwardTo([]),
      describeFailure: () => {
        throw new Error("secret");
      },
      onError: () => undefined,
    });
    for (const bytes of [get("/"), "nonsense\r\n\r\n"]) {
      const answer = await talk(address, bytes);
      assert.match(answer, /^HTTP\/1\.1 (?:503|400) [^]*"code":"(?:NO_NODE|BAD_REQUEST)"/);
      assert.doesNotMatch(answer, /secret/);
    }
  });
});

describe("an answer's head in pieces", () => {
  test("is read once, not anew with each piece", async () => {
    await using node = await rawNode((socket) => {
      socket.once("data", () => {
        const head = `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(4_000)}Content-Length: 2\r\n\r\nok`;
        let at = 0;
        const next = (): void => {
          if (at >= head.length) return;
          socket.write(head.slice(at, at + 8));
          at += 8;
          setImmediate(next);
        };
        next();
      });
    });
    const address = await proxyWith({ route: () => forwardTo([node]), maxHeaders: 5_000 });
    const scan = vi.spyOn(ResponseScan.prototype, "scan");
    onTestFinished(() => scan.mockRestore());
    assert.match(await talk(address, get("/")), /ok$/);
    assert.ok(scan.mock.calls.length <= 2, `read ${scan.mock.calls.length} times`);
  });

  test("that is too large is refused before its end", async () => {
    await using node = await rawNode((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n");
        const drip = setInterval(() => socket.write("X: yyyyyyyyyyyyyyyyyyyyyyyy\r\n"), 1);
        socket.once("close", () => clearInterval(drip));
      });
    });
    const address = await proxyWith({ route: () => forwardTo([node]), maxHeadBytes: 1_000 });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 502 /);
  });
});

describe("what a node hears of the way", () => {
  test.each(["1.0", "1.1"])("Via names HTTP/%s, which the client spoke", async (version) => {
    let via: string | undefined;
    await using node = await httpNode((request, response) => {
      via = request.headers.via;
      response.end();
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    await talk(address, `GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.match(via ?? "", new RegExp(`^${version.replace(".", "\\.")} rollcall-[0-9a-f]{8}$`));
  });

  test("a loop is found whatever the version it began with", async () => {
    let own: ListenAddress | undefined;
    const address = await proxyWith({
      route: () => forwardTo([{ host: own!.host, port: own!.port, secure: false }]),
    });
    own = address;
    const answer = await talk(address, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert.match(answer, /^HTTP\/1\.1 508 /);
  });

  test("interim answers travel, but not to HTTP/1.0", async () => {
    await using node = await rawNode((socket) => {
      socket.on("data", () => {
        socket.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
        socket.write(
          "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        );
      });
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const statuses = (text: string): string[] => text.match(/(?<=^HTTP\/1\.1 )\d+/gm) ?? [];
    assert.deepEqual(statuses(await talk(address, get("/"))), ["102", "103", "200"]);
    assert.deepEqual(statuses(await talk(address, "GET / HTTP/1.0\r\nHost: a\r\n\r\n")), ["200"]);
  });
});
