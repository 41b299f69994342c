import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";

import { describe, onTestFinished, test } from "vitest";

import { memoryBackend, memoryRegistry, provide, type ProvideOptions } from "../src/index.ts";
import type { Registry } from "../src/registry.ts";
import { manualClock } from "./manual-clock.ts";
import { until } from "./until.ts";

const node = { service: "orders", id: "n1", host: "127.0.0.1" };

interface World {
  readonly backend: ReturnType<typeof memoryBackend>;
  readonly registry: Registry;
  readonly server: Server;
  /** Answers of `/slow` that wait to be let go. */
  readonly slow: (() => void)[];
  readonly stored: () => { readonly status: string } | undefined;
}

function world(): World {
  const backend = memoryBackend();
  const registry = memoryRegistry({ backend });
  const slow: (() => void)[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/slow") slow.push(() => response.end("late"));
    else response.end("ok");
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await registry[Symbol.asyncDispose]();
  });
  return {
    backend,
    registry,
    server,
    slow,
    stored: () => backend.get("orders", "n1")?.node as { readonly status: string } | undefined,
  };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function fetched(port: number, path = "/"): Promise<{ text: string; connection: unknown }> {
  const request = get({ host: "127.0.0.1", port, path });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const text = (await response.setEncoding("utf8").toArray()).join("");
  return { text, connection: response.headers.connection };
}

describe("coming", () => {
  test("listens on a free port of the node's host and registers it", async () => {
    const { registry, server, backend } = world();
    await using provider = await provide(server, { registry, node, stopOn: [] });
    assert.equal((server.address() as AddressInfo).address, "127.0.0.1");
    assert.equal(provider.registration.node.port, portOf(server));
    assert.equal(provider.phase, "up");
    assert.deepEqual(backend.get("orders", "n1")?.node, provider.registration.node);
    assert.equal((await fetched(portOf(server))).text, "ok");
  });

  test("takes a server that listens already, and a port that is seen from outside", async () => {
    const { registry, server } = world();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await using provider = await provide(server, {
      registry,
      node: { ...node, host: "gateway.example", port: 443 },
      stopOn: [],
    });
    assert.equal(provider.registration.node.port, 443);
  });

  test("is starting while it warms up", async () => {
    const { registry, server, stored } = world();
    const warm = Promise.withResolvers<void>();
    const coming = provide(server, { registry, node, stopOn: [], warmUp: () => warm.promise });
    await until(() => stored()?.status === "starting", "a record that starts");
    warm.resolve();
    await using _provider = await coming;
    assert.equal(stored()?.status, "up");
  });

  const failures: readonly (readonly [string, Partial<ProvideOptions>, RegExp])[] = [
    ["a warm-up that fails", { warmUp: () => Promise.reject(new Error("cold")) }, /^Error: cold$/],
    ["an abort", { signal: AbortSignal.abort(new Error("enough")) }, /^Error: enough$/],
    ["a bad node", { node: { ...node, host: "" } }, /host/],
    ["a bad time", { stopTimeoutMs: -1 }, /stopTimeoutMs must be a number of ms >= 0, got -1/],
    [
      "an option that does not exist",
      { stopTimeout: 5 } as object,
      /stopTimeout is not an option; there are /,
    ],
    ["another bad time", { propagationMs: Number.NaN }, /propagationMs must be .* got NaN/],
  ];
  test.each(failures)("%s leaves nothing", async (_what, options, message) => {
    const { registry, server, stored } = world();
    await assert.rejects(provide(server, { registry, node, stopOn: [], ...options }), message);
    assert.equal(server.listening, false);
    assert.equal(stored(), undefined);
  });

  test("an abort while it warms up leaves nothing", async () => {
    const { registry, server, stored } = world();
    const aborting = new AbortController();
    const warmUp = (): Promise<void> => new Promise(() => undefined);
    const coming = provide(server, { registry, node, warmUp, signal: aborting.signal });
    await until(() => stored()?.status === "starting", "a record that starts");
    aborting.abort(new Error("enough"));
    await assert.rejects(coming, /enough/);
    assert.equal(server.listening, false);
    assert.equal(stored(), undefined);
  });

  test("a registry that refuses, or a port that is taken, leaves nothing", async () => {
    const { registry, server, backend, stored } = world();
    backend.fail("AUTH");
    await assert.rejects(provide(server, { registry, node, stopOn: [] }), { code: "AUTH" });
    assert.equal(server.listening, false);
    backend.recover();
    await using other = await provide(createServer(), { registry, node, stopOn: [] });
    const { port } = other.registration.node;
    const second = { ...node, id: "n2" };
    await assert.rejects(provide(server, { registry, node: second, listen: { port } }), {
      code: "EADDRINUSE",
    });
    assert.equal(backend.get("orders", "n2"), undefined);
    assert.ok(stored());
  });
});

describe("leaving", () => {
  test("draining, then nothing in flight, then deregistered, then closed", async () => {
    const { registry, server, slow, stored } = world();
    const provider = await provide(server, { registry, node, stopOn: [] });
    const port = portOf(server);
    const late = fetched(port, "/slow");
    await until(() => slow.length === 1, "the slow request");
    assert.equal(provider.inFlight, 1);
    const stopping = provider.stop();
    assert.equal(provider.stop(), stopping);
    await until(() => stored()?.status === "draining", "a record that drains");
    assert.equal(provider.phase, "draining");
    // Who still holds our address is served, and sent elsewhere for the next request.
    await until(
      async () => (await fetched(port)).connection === "close",
      "clients to be sent away",
    );
    assert.equal(stored()?.status, "draining");
    slow[0]?.();
    assert.equal((await late).text, "late");
    await stopping;
    await provider.stopped;
    assert.equal(stored(), undefined);
    assert.equal(server.listening, false);
    assert.equal(provider.phase, "closed");
  });

  test("waits until a read shows it, through failures, and for the time consumers need", async () => {
    const { registry, server, stored } = world();
    let shows = false;
    let reads = 0;
    const late: Registry = Object.assign(Object.create(registry) as Registry, {
      register: registry.register.bind(registry),
      read: async (...args: Parameters<Registry["read"]>) => {
        reads += 1;
        if (reads === 1) throw new Error("as told");
        const set = await registry.read(...args);
        return shows ? set : { nodes: set.nodes.map((one) => ({ ...one, status: "up" as const })) };
      },
    });
    const provider = await provide(server, {
      registry: late,
      node,
      stopOn: [],
      propagationMs: 50,
      random: () => 0,
    });
    const stopping = provider.stop();
    await until(() => reads > 3, "more reads");
    assert.equal(stored()?.status, "draining");
    shows = true;
    await stopping;
    assert.equal(stored(), undefined);
  });

  test("on a signal of the process", async () => {
    const { registry, server, stored } = world();
    const provider = await provide(server, { registry, node, stopOn: ["SIGUSR2"] });
    process.emit("SIGUSR2");
    await provider.stopped;
    assert.equal(stored(), undefined);
    assert.equal(process.listenerCount("SIGUSR2"), 0);
  });

  test("a second signal cuts short what is left, an echo of the first does not", async () => {
    const { registry, server, slow, stored } = world();
    const clock = manualClock();
    const options = { registry, node, clock, stopOn: ["SIGUSR2"] } as const;
    const provider = await provide(server, options);
    const late = fetched(portOf(server), "/slow");
    await until(() => slow.length === 1, "the slow request");
    process.emit("SIGUSR2");
    process.emit("SIGUSR2");
    await until(() => stored()?.status === "draining", "a record that drains");
    await clock.advance(1_000);
    assert.equal(provider.inFlight, 1);
    process.emit("SIGUSR2");
    await Promise.all([assert.rejects(late), provider.stopped]);
    assert.equal(stored(), undefined);
    assert.equal(process.listenerCount("SIGUSR2"), 0);
  });

  test("though the registry is down: when the time is up", async () => {
    const { registry, server, backend } = world();
    const provider = await provide(server, { registry, node, stopOn: [], stopTimeoutMs: 200 });
    backend.fail("UNAVAILABLE");
    await provider.stop();
    assert.equal(server.listening, false);
    assert.equal(provider.registration.state.phase, "closed");
  });

  test("cuts what is not done when the time is up: requests and upgraded connections", async () => {
    const { registry, server, slow, stored } = world();
    server.on("upgrade", (_request, socket) =>
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n",
      ),
    );
    const provider = await provide(server, { registry, node, stopOn: [], stopTimeoutMs: 300 });
    const port = portOf(server);
    const upgraded = connect(port, "127.0.0.1");
    upgraded.on("error", () => undefined);
    upgraded.write("GET / HTTP/1.1\r\nhost: x\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n");
    await once(upgraded, "data");
    const late = fetched(port, "/slow");
    await until(() => slow.length === 1, "the slow request");
    const ended = once(upgraded.resume(), "close");
    await Promise.all([assert.rejects(late), ended, provider.stop()]);
    assert.equal(stored(), undefined);
  });
});
