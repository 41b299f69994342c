import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import { memoryBackend, memoryRegistry } from "@rollcall/core";
import { expect, onTestFinished, test } from "vitest";

import { ListenError } from "../src/index.ts";
import { HealthBoard } from "../src/upstream/health-board.ts";
import { connectWith } from "../src/registry-connection.ts";
import { buildState, disposeState, settled } from "../src/state.ts";
import {
  echoNode,
  gatewayUnderTest,
  head,
  inMemory,
  put,
  send,
  until,
} from "./gateway-under-test.ts";

const user = "{ id: user, uri: /user/*, upstream: { service_name: USER-SERVICE } }";

test("routes change, the registry's watch and the balancer's turn stay", async () => {
  const backend = memoryBackend();
  for (const name of ["one", "two", "three"]) {
    put(backend, "USER-SERVICE", (await echoNode(name)).port);
  }
  const under = await gatewayUnderTest(`routes: [${user}]\n`, backend);
  const seen: string[] = [];
  const hit = async (): Promise<void> => {
    seen.push((await under.get("/user/x")).json().name);
  };
  await hit();
  await hit();
  const { watch } = backend.calls;
  await under.gateway.reload(
    under.config(`routes: [${user}, { uri: /more, upstream: { nodes: {} } }]\n`),
  );
  await hit();
  expect(new Set(seen).size).toBe(3);
  expect((await under.get("/more")).json()).toMatchObject({ code: "NO_NODES" });
  expect(backend.calls.watch).toBe(watch);
  expect(backend.openWatches).toBe(1);
  expect(under.made()).toBe(1);
});

test("a registry that changes is replaced without a gap", async () => {
  const backend = memoryBackend();
  put(backend, "USER-SERVICE", (await echoNode("one")).port);
  const under = await gatewayUnderTest(`routes: [${user}]\n`, backend);
  expect((await under.get("/user/x")).status).toBe(200);
  await under.gateway.reload(
    under.config(`${head.replace("memory.invalid", "other.invalid")}routes: [${user}]\n`),
  );
  expect(under.made()).toBe(2);
  expect((await under.get("/user/x")).status).toBe(200);
  expect(backend.openWatches).toBe(1);
  await under.gateway.reload(under.config("routes: []\n"));
  expect((await under.get("/user/x")).status).toBe(404);
  await until(() => backend.openWatches === 0, "the watch to end");
});

test("services that were silent before are not waited for, new ones are", async () => {
  const backend = memoryBackend();
  backend.fail("UNAVAILABLE");
  const under = await gatewayUnderTest("routes: []\n");
  const parts = {
    connect: connectWith(inMemory(() => memoryRegistry({ backend }))),
    ownListeners: [],
    onAttempt: () => undefined,
    health: new HealthBoard(),
    nodeEvents: { ejected: () => undefined, changed: () => undefined },
  };
  const before = await buildState(under.config(`routes: [${user}]\n`), parts);
  const same = await buildState(under.config(`routes: [${user}]\n`), parts, before);
  const open = new AbortController().signal;
  await settled(same, before, 600_000, open);
  const more = `{ uri: /more, upstream: { service_name: MORE } }`;
  const other = await buildState(under.config(`routes: [${user}, ${more}]\n`), parts, before);
  let done = false;
  const waited = settled(other, before, 600_000, open).then(() => (done = true));
  await until(() => backend.calls.watch > 1, "both services to be asked for");
  expect(done).toBe(false);
  backend.recover();
  await waited;
  for (const state of [same, other]) await disposeState(state, before);
  await disposeState(before);
});

test("closing does not wait for a registry that a reload under way waits for", async () => {
  const backend = memoryBackend();
  const under = await gatewayUnderTest("routes: []\n", backend);
  backend.stall();
  const reloading = under.gateway.reload(under.config(`routes: [${user}]\n`));
  const refused = expect(reloading).rejects.toThrow("the gateway is about to end");
  await until(() => backend.calls.watch > 0, "the service to be asked for");
  let closed = false;
  const closing = under.gateway.close({ drainMs: 600_000 }).then(() => (closed = true));
  await refused;
  // A registry that is mute for good would hold nobody: the state it belongs to is undone.
  await until(() => closed, "the gateway to be closed");
  await closing;
  expect(backend.openWatches).toBe(0);
  await expect(under.gateway.reload(under.config("routes: []\n"))).rejects.toThrow("about to end");
});

test("listeners: new ones open, kept ones stay, old ones close when their requests are done", async () => {
  let finish: (() => void) | undefined;
  const node = await echoNode("slow", (_request, response) => {
    finish = () => response.end("done");
  });
  const upstream = `{ uri: /x, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }`;
  const under = await gatewayUnderTest(`routes: [${upstream}]\n`);
  const old = under.gateway.addresses[0]!.port;
  const running = send(old, "/x");
  await until(() => finish !== undefined, "the request to arrive");
  await under.gateway.reload(
    under.config(
      `${head.replace("[{ port: 0 }]", '[{ host: "::1", port: 0 }, { port: 0 }]')}routes: [${upstream}]\n`,
    ),
  );
  expect(under.gateway.addresses.map(({ port }) => port)).toContain(old);
  await under.gateway.reload(
    under.config(`${head.replace("[{ port: 0 }]", '[{ host: "::1", port: 0 }]')}routes: []\n`),
  );
  finish?.();
  expect((await running).text).toBe("done");
  await until(
    () =>
      send(old, "/x").then(
        () => false,
        () => true,
      ),
    "the old listener to be closed",
  );
});

test("a new port that is taken: refused, nothing changed, and said so", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const under = await gatewayUnderTest(`routes: [${user}]\n`);
  const before = under.gateway.addresses;
  const wanted = under.config(
    `${head.replace("[{ port: 0 }]", `[{ port: 0 }, { port: ${port} }]`)}routes: []\n`,
  );
  await expect(under.gateway.reload(wanted)).rejects.toThrow(
    `listen[1]: 127.0.0.1:${port} is in use; stop the other process or change listen[1].port`,
  );
  await expect(under.gateway.reload(wanted)).rejects.toBeInstanceOf(ListenError);
  expect(under.gateway.addresses).toEqual(before);
  expect((await under.get("/user/x")).status).toBe(503);
  const { text } = await under.admin("/metrics");
  expect(text).toContain('rollcall_config_reloads_total{result="refused"} 2');
  expect(text).toContain("rollcall_config_last_reload_successful 0");
  expect((await under.admin("/")).text).toContain("Reload refused");
  await under.gateway.reload(under.config(`routes: []\n`));
  expect((await under.admin("/metrics")).text).toContain(
    "rollcall_config_last_reload_successful 1",
  );
});

test("the admin listener can move and go", async () => {
  const under = await gatewayUnderTest(`routes: []\n`);
  const old = under.gateway.adminAddress!.port;
  await under.gateway.reload(
    under.config(
      `${head.replace("admin: { port: 0 }", 'admin: { host: "::1", port: 0 }')}routes: []\n`,
    ),
  );
  expect(under.gateway.adminAddress).toMatchObject({ host: "::1" });
  await expect(send(old, "/healthz")).rejects.toThrow();
  await under.gateway.reload(
    under.config(`${head.replace("admin: { port: 0 }\n", "")}routes: []\n`),
  );
  expect(under.gateway.adminAddress).toBeUndefined();
});

test("series of routes that are gone go too", async () => {
  const under = await gatewayUnderTest(
    `routes: [{ id: gone, uri: /x, upstream: { nodes: {} } }]\n`,
  );
  await under.get("/x");
  await until(
    async () => (await under.admin("/metrics")).text.includes('route="gone"'),
    "the series",
  );
  await under.gateway.reload(under.config("routes: []\n"));
  await until(
    async () => !(await under.admin("/metrics")).text.includes('route="gone"'),
    "the series to go",
  );
});

test("a request that waits for a registry is routed anew when the configuration is replaced", async () => {
  const backend = memoryBackend();
  backend.stall();
  const node = await echoNode("fixed");
  const text = (routes: string): string =>
    `${head.replace("wait_ms: 100", "wait_ms: 60000")}routes: [${routes}]\n`;
  const under = await gatewayUnderTest(text(user), backend);
  const waiting = under.get("/user/x");
  await until(
    async () => (await under.admin("/metrics")).text.includes("rollcall_requests_in_flight 1"),
    "the request to wait",
  );
  await under.gateway.reload(
    under.config(text(`{ uri: /user/*, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }`)),
  );
  expect((await waiting).json()).toMatchObject({ name: "fixed" });
});

test("closing: running requests finish, late ones are cut", async () => {
  let finish: (() => void) | undefined;
  const node = await echoNode("mute", (incoming, response) => {
    if (incoming.url === "/quick") finish = () => response.end("done");
  });
  const under = await gatewayUnderTest(
    `routes: [{ uri: /*, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }]\n`,
  );
  const quick = under.get("/quick");
  const late = under.get("/late");
  late.catch(() => undefined);
  await until(
    async () => (await under.admin("/metrics")).text.includes("rollcall_requests_in_flight 2"),
    "both requests",
  );
  await until(() => finish !== undefined, "the one to be at the node");
  const closing = under.gateway.close({ drainMs: 2_000 });
  finish?.();
  expect((await quick).text).toBe("done");
  await closing;
  await expect(late).rejects.toThrow();
  await under.gateway.close();
});

test("a port that is taken at start leaves nothing running", async () => {
  const under = await gatewayUnderTest("routes: []\n");
  const { port } = under.gateway.addresses[0]!;
  await expect(
    gatewayUnderTest(
      `${head.replace("admin: { port: 0 }", `admin: { port: ${port} }`)}routes: []\n`,
    ),
  ).rejects.toThrow(
    `admin: 127.0.0.1:${port} is in use; stop the other process or change admin.port`,
  );
});
