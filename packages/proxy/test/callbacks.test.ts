import assert from "node:assert/strict";
import { once } from "node:events";

import { describe, onTestFinished, test, vi } from "vitest";

import { CallbackErrors } from "../src/callback-errors.ts";
import type { CallbackName, Forward, ProxyOptions, Reply, UpstreamNode } from "../src/index.ts";
import {
  deadNode,
  dialProxy,
  forwardTo,
  get,
  httpNode,
  proxyWith,
  rawNode,
  talk,
  until,
} from "./wire.ts";

function fail(from: string): never {
  throw new Error(`${from} fails`);
}

/** What was told of functions that threw. */
class Told {
  readonly all: string[] = [];
  readonly onError = (error: unknown, from: CallbackName): void => {
    this.all.push(`${from}: ${error instanceof Error ? error.message : String(error)}`);
  };
}

const keepAlive = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const reply: Reply = { kind: "reply", status: 200, headers: {}, body: "fine" };

function okNode(): ReturnType<typeof httpNode> {
  return httpNode((request, response) => {
    request.resume().once("end", () => response.end("fine"));
  });
}

describe("a route that fails", () => {
  test.each([
    ["throws", () => fail("route"), "route fails"],
    ["rejects", () => Promise.reject(new Error("route fails")), "route fails"],
    ["throws no error", () => Promise.reject(new Error("")), ""],
    ["answers nothing", () => undefined as unknown as Reply, undefined],
    ["answers later with nothing", async () => undefined as unknown as Reply, undefined],
    ["answers something else", () => ({}) as unknown as Reply, undefined],
  ] as const)("%s: 500, told once, and the connection goes on", async (_name, route, message) => {
    const told = new Told();
    const statuses: number[] = [];
    let asked = 0;
    const address = await proxyWith({
      route: (head) => {
        asked += 1;
        return head.target === "/bad" ? route() : reply;
      },
      onError: told.onError,
      onCompleted: ({ status }) => statuses.push(status),
    });
    const answers = await talk(
      address,
      `${keepAlive}GET /bad HTTP/1.1\r\nHost: a\r\n\r\n${get("/")}`,
    );
    assert.deepEqual(answers.match(/(?<=HTTP\/1\.1 )\d+/g), ["200", "500", "200"]);
    assert.match(answers, /"code":"ROUTE_FAILED"/);
    assert.deepEqual(statuses, [200, 500, 200]);
    assert.equal(asked, 3);
    assert.equal(told.all.length, 1);
    assert.match(told.all[0]!, /^(?:route|pick): /);
    if (message !== undefined) assert.equal(told.all[0], `route: ${message}`);
  });

  test("when its client has left is told all the same", async () => {
    const told = new Told();
    const gate = Promise.withResolvers<Reply>();
    let asked = false;
    let completed = 0;
    const address = await proxyWith({
      route: () => {
        asked = true;
        return gate.promise;
      },
      onError: told.onError,
      onCompleted: () => (completed += 1),
    });
    const client = dialProxy(address);
    client.write(keepAlive);
    await until(() => asked, "the route to be asked");
    client.destroy();
    await until(() => completed === 1, "the end of the exchange");
    gate.reject(new Error("late"));
    await until(() => told.all.length === 1, "what is told");
    assert.deepEqual(told.all, ["route: late"]);
    assert.equal(completed, 1);
  });

  test.each<[string, Partial<Forward>]>([
    ["a target with the end of a line", { target: "/a\r\nX: y" }],
    ["a target whose character becomes one", { target: "/a\u010d\u010aX: y" }],
    ["a target with a space", { target: "/a b" }],
    ["a target with a fragment", { target: "/a#b" }],
    ["a target that is no path", { target: "a" }],
    ["an empty target", { target: "" }],
    ["a host with the end of a line", { host: { value: "a\r\nX: y" } }],
    ["a host whose character becomes one", { host: { value: "a\u010d\u010aX: y" } }],
    ["a host with a path", { host: { value: "a/b" } }],
  ])("%s: 500, and no node is asked", async (_name, more) => {
    const told = new Told();
    const outcomes: string[] = [];
    await using node = await rawNode(() => assert.fail("a node was asked"));
    const address = await proxyWith({
      route: () => forwardTo([node], outcomes, more),
      onError: told.onError,
    });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 500 /);
    assert.match(told.all.join(), /^route: a forward's (?:target|host) must be /);
    assert.deepEqual(outcomes, []);
  });

  test.each<[string, Partial<Reply>]>([
    ["a header with the end of a line", { headers: { a: "b\r\nX: y" } }],
    ["a header whose character becomes one", { headers: { location: "/\u010d\u010aX: y" } }],
    ["a header's name", { headers: { "a b": "c" } }],
    ["a length of its own", { headers: { "Content-Length": "3" } }],
    ["a coding of its own", { headers: { "transfer-encoding": "chunked" } }],
    ["a word about the connection", { headers: { connection: "keep-alive" } }],
    ["an interim status", { status: 101 }],
    ["a status that is none", { status: Number.NaN }],
    ["a body that is no text", { body: undefined as unknown as string }],
    ["no headers", { headers: undefined as unknown as Record<string, string> }],
  ])("a reply with %s: 500", async (_name, more) => {
    for (const describes of [false, true]) {
      const told = new Told();
      const bad: Reply = { ...reply, ...more };
      const address = await proxyWith({
        route: () => (describes ? forwardTo([]) : bad),
        describeFailure: describes ? () => bad : undefined,
        onError: told.onError,
      });
      const answer = await talk(address, get("/"));
      assert.match(answer, describes ? /^HTTP\/1\.1 503 / : /^HTTP\/1\.1 500 /);
      assert.doesNotMatch(answer, /^X: y/m);
      assert.equal(told.all.length, 1);
    }
  });
});

describe("a hostname that is none", () => {
  test("is not sent as Host", async () => {
    await using node = await httpNode((request, response) => {
      response.end(JSON.stringify(request.rawHeaders));
    });
    const bad: UpstreamNode = { ...node, hostname: "a\r\nX: y" };
    const address = await proxyWith({ route: () => forwardTo([bad], [], { host: "node" }) });
    const answer = await talk(address, get("/"));
    assert.match(answer, /"Host","127\.0\.0\.1:\d+"/);
    assert.doesNotMatch(answer, /"X"/);
  });
});

describe("a pick that fails", () => {
  test("after a node that was not reached: 500, and done once for that", async () => {
    const told = new Told();
    const outcomes: string[] = [];
    const dead = await deadNode();
    const address = await proxyWith({
      route: () => {
        const forward = forwardTo([dead], outcomes);
        return {
          ...forward,
          pick: (tried) => (tried.length > 0 ? fail("pick") : forward.pick(tried)),
        };
      },
      onError: told.onError,
    });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 500 /);
    assert.deepEqual(outcomes, ["tcp_failure"]);
    assert.deepEqual(told.all, ["pick: pick fails"]);
  });

  test.each([-1, 65_536, 1.5, Number.NaN])(
    "a node with port %s is one that is not reached",
    async (port) => {
      await using node = await okNode();
      const outcomes: string[] = [];
      const dead = await deadNode();
      const nodes = [dead, { host: "127.0.0.1", port, secure: false }, node];
      const address = await proxyWith({ route: () => forwardTo(nodes, outcomes) });
      assert.match(await talk(address, get("/")), /fine$/);
      assert.deepEqual(outcomes, ["tcp_failure", "tcp_failure", "ok"]);
    },
  );
});

describe("functions that throw", () => {
  /** All that are called for a request, each throwing. */
  function throwing(nodes: readonly UpstreamNode[], calls: string[], told: Told): ProxyOptions {
    const throws = (from: string): never => {
      calls.push(from);
      return fail(from);
    };
    return {
      route: () => {
        const forward = forwardTo(nodes);
        return {
          ...forward,
          pick: (tried) => {
            const attempt = forward.pick(tried);
            return attempt && { node: attempt.node, done: (outcome) => throws(`done ${outcome}`) };
          },
        };
      },
      onCompleted: ({ status }) => throws(`onCompleted ${status}`),
      describeFailure: () => throws("describeFailure"),
      onError: told.onError,
    };
  }

  test("end neither the process nor a request, and are not called again", async () => {
    await using node = await okNode();
    const [calls, told] = [[] as string[], new Told()];
    const address = await proxyWith(throwing([await deadNode(), node], calls, told));
    const answers = await talk(address, keepAlive + get("/"));
    assert.equal(answers.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
    const once = ["done tcp_failure", "done ok", "onCompleted 200"];
    assert.deepEqual(calls, [...once, ...once]);
    assert.deepEqual(told.all.length, 6);
  });

  test("when no node is there", async () => {
    const [calls, told] = [[] as string[], new Told()];
    const address = await proxyWith(throwing([await deadNode()], calls, told));
    const answers = await talk(address, keepAlive + get("/"));
    assert.equal(answers.match(/HTTP\/1\.1 502 [^]*?"code":"CONNECT_FAILED"/g)?.length, 2);
    const once = ["done tcp_failure", "describeFailure", "onCompleted 502"];
    assert.deepEqual(calls, [...once, ...once]);
  });

  test("when the answer breaks off, and when the client leaves", async () => {
    let asked = 0;
    await using node = await rawNode((socket) => {
      socket.on("data", () => {
        asked += 1;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        if (asked === 1) socket.end();
      });
    });
    const [calls, told] = [[] as string[], new Told()];
    const address = await proxyWith(throwing([node], calls, told));
    const broken = await talk(address, get("/"));
    assert.doesNotMatch(broken, /half.{5}/);
    const client = dialProxy(address);
    client.write(keepAlive);
    await once(client, "data");
    client.destroy();
    await until(() => calls.length >= 4, "the end of both");
    assert.deepEqual(calls, [
      "done tcp_failure",
      "onCompleted 200",
      "done cancelled",
      "onCompleted 200",
    ]);
  });

  test("when a tunnel ends", async () => {
    await using node = await rawNode((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        socket.end();
      });
    });
    const [calls, told] = [[] as string[], new Told()];
    const options = throwing([node], calls, told);
    const address = await proxyWith({
      ...options,
      route: (head) => ({ ...(options.route(head) as Forward), upgrade: true }),
    });
    const upgrade =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert.match(await talk(address, upgrade), /^HTTP\/1\.1 101 /);
    await until(() => calls.length >= 2, "the end");
    assert.deepEqual(calls, ["done ok", "onCompleted 101"]);
  });

  test.each(["127.0.0.1", "localhost"])("allowAddress: a no for %s", async (host) => {
    await using node = await rawNode(() => assert.fail("a node was asked"));
    const told = new Told();
    const outcomes: string[] = [];
    const address = await proxyWith({
      route: () => forwardTo([{ ...node, host }], outcomes),
      allowAddress: () => fail("allowAddress"),
      onError: told.onError,
    });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 502 /);
    assert.deepEqual(outcomes, ["tcp_failure"]);
    assert.match(told.all[0]!, /^allowAddress: allowAddress fails$/);
  });

  test("onHandshake: the connection is served", async () => {
    const told = new Told();
    const options = { route: () => reply, onHandshake: () => fail("onHandshake") };
    const address = await proxyWith({ ...options, onError: told.onError }, "tls");
    assert.match(await talk(address, get("/")), /fine$/);
    const { host, port } = address;
    await talk({ host, port }, "nonsense that is no handshake");
    await until(() => told.all.length === 2, "what is told of both handshakes");
    assert.deepEqual(new Set(told.all), new Set(["onHandshake: onHandshake fails"]));
  });
});

describe("onError", () => {
  function warnings(act: (errors: CallbackErrors) => void, onError?: () => void): string[] {
    const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    onTestFinished(() => emit.mockRestore());
    act(new CallbackErrors(onError));
    return emit.mock.calls.map(([warning]) => String(warning));
  }

  test("left out: the process is warned, once for each function", () => {
    const seen = warnings((errors) => {
      for (const from of ["done", "pick", "done"] as const) errors.report(new Error("no"), from);
    });
    assert.deepEqual(seen, ["done failed: no", "pick failed: no"]);
  });

  test("throws itself: the process is warned", () => {
    const seen = warnings(
      (errors) => errors.report(new Error("no"), "done"),
      () => fail("onError"),
    );
    assert.deepEqual(seen, ["onError failed: onError fails"]);
  });
});
