import { createBalancer } from "@rollcall/balancer";
import { defineNode, memoryBackend } from "@rollcall/core";
import { pino } from "pino";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { nodeChangeLog } from "../src/log.ts";
import { type NodeChange, toldOf } from "../src/upstream/node-change.ts";
import { JointStandings } from "../src/upstream/standing.ts";
import {
  echoNode,
  gatewayUnderTest,
  type GatewayUnderTest,
  put,
  until,
} from "./gateway-under-test.ts";

/** Lines of metrics about upstreams, attempts left out. */
async function metricsOf({ admin }: Pick<GatewayUnderTest, "admin">): Promise<readonly string[]> {
  const { text } = await admin("/metrics");
  return text.split("\n").filter((line) => /^rollcall_upstream_(nodes|ejections)/.test(line));
}

async function nodesOf({ admin }: Pick<GatewayUnderTest, "admin">): Promise<readonly unknown[]> {
  const status = (await admin("/v1/status")).json();
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever was answered
  return status.services.flatMap(({ nodes }: any) => nodes);
}

test("an ejected node is seen on the page, as JSON and in metrics, until it is used again", async () => {
  let failing = true;
  const good = await echoNode("good");
  const bad = await echoNode("bad", (_request, response) => {
    response.statusCode = failing ? 500 : 200;
    response.end("bad");
  });
  const nodes = `"127.0.0.1:${good.port}": 1, "127.0.0.1:${bad.port}": 1`;
  const under = await gatewayUnderTest(
    `routes: [{ id: r, uri: /*, upstream: { nodes: { ${nodes} }, outlier_ejection: { consecutive_failures: 2, ejection_time: 0.2 } } }]\n`,
  );
  const labels = 'registry="fixed",service="route:r"';
  expect(await metricsOf(under)).toEqual([
    `rollcall_upstream_ejections_total{${labels}} 0`,
    `rollcall_upstream_nodes{${labels},state="ejected"} 0`,
  ]);
  await until(async () => {
    await under.get("/");
    return under.changes.length > 0;
  }, "the ejection");
  const id = `127.0.0.1:${bad.port}`;
  const where = { registry: "fixed", service: "route:r", untold: 0 };
  const node = { id, host: "127.0.0.1", port: bad.port };
  expect(under.changes).toEqual([
    { ...where, node, change: "ejected", cause: "failures", forMs: 200 },
  ]);
  failing = false;
  await until(async () => {
    await under.get("/");
    return under.changes.length > 1;
  }, "the return");
  expect(under.changes[1]).toEqual({ ...where, node, change: "returned" });
  expect(await nodesOf(under)).toMatchObject([{ ejected: false }, { ejected: false }]);
  // Long enough to look at.
  failing = true;
  const long = `routes: [{ id: r, uri: /*, upstream: { nodes: { ${nodes} }, outlier_ejection: { consecutive_failures: 2, ejection_time: 600 } } }]\n`;
  await under.gateway.reload(under.config(long));
  await until(async () => {
    await under.get("/");
    return under.changes.length > 2;
  }, "another ejection");
  expect(await nodesOf(under)).toEqual(
    [good, bad]
      .map(({ port }) => ({
        id: `127.0.0.1:${port}`,
        address: `127.0.0.1:${port}`,
        status: "up",
        weight: 1,
        held: false,
        ejected: port === bad.port,
        unhealthy: false,
        warming: false,
      }))
      .toSorted((a, b) => a.id.localeCompare(b.id)),
  );
  expect((await under.admin("/")).text).toContain(
    `<div class="ejected">${id} up, weight 1, ejected</div>`,
  );
  expect(await metricsOf(under)).toEqual([
    `rollcall_upstream_ejections_total{${labels}} 2`,
    `rollcall_upstream_nodes{${labels},state="ejected"} 1`,
  ]);
  await under.gateway.reload(under.config("routes: []\n"));
  expect(await metricsOf(under)).toEqual([]);
});

test("a warming node is seen on the page, as JSON and in metrics", async () => {
  const [old, young] = [await echoNode("old"), await echoNode("young")];
  const backend = memoryBackend();
  put(backend, "S", old.port);
  const under = await gatewayUnderTest(
    "routes: [{ id: r, uri: /*, upstream: { service_name: S, warm_up_conf: { slow_start_time_seconds: 86400 } } }]\n",
    backend,
  );
  await under.get("/");
  put(backend, "S", young.port);
  await until(async () => (await nodesOf(under)).length === 2, "the newcomer");
  await under.get("/");
  const marks = { held: false, ejected: false };
  expect(await nodesOf(under)).toMatchObject(
    [old, young]
      .map(({ port }) => ({ address: `127.0.0.1:${port}`, ...marks, warming: port === young.port }))
      .toSorted((a, b) => a.address.localeCompare(b.address)),
  );
  expect((await under.admin("/")).text).toContain(
    `<div class="warming">127.0.0.1:${young.port} up, weight 100, warming</div>`,
  );
  expect(await metricsOf(under)).toEqual([
    'rollcall_upstream_nodes{registry="eureka",service="S",state="warming"} 1',
  ]);
});

test("upstreams of one service have one series: nodes that any of them leaves out", async () => {
  const bad = await echoNode("bad", (_request, response) => response.writeHead(500).end());
  const backend = memoryBackend();
  for (const port of [bad.port, 1, 2, 3])
    put(backend, "S", port, { weight: port === bad.port ? 9 : 0 });
  const upstream = (time: number): string =>
    `upstream: { service_name: S, outlier_ejection: { consecutive_failures: 1, ejection_time: ${time} } }`;
  const under = await gatewayUnderTest(
    `routes: [{ id: a, uri: /a, ${upstream(600)} }, { id: b, uri: /b, ${upstream(601)} }]\n`,
    backend,
  );
  for (const target of ["/a", "/b", "/a"]) await under.get(target);
  const labels = 'registry="eureka",service="S"';
  expect(await metricsOf(under)).toEqual([
    `rollcall_upstream_ejections_total{${labels}} 2`,
    `rollcall_upstream_nodes{${labels},state="ejected"} 1`,
  ]);
});

test("standings of several processes: who is out at all, and in how many", () => {
  const joint = new JointStandings([
    [{ key: "a", ejected: ["1", "2"], warming: [] }],
    [
      { key: "a", ejected: ["2"], warming: ["3"] },
      { key: "b", ejected: [], warming: ["2"] },
    ],
    [],
  ]);
  expect([...joint.of("a").ejected]).toEqual([
    ["1", 1],
    ["2", 2],
  ]);
  expect([...joint.of("a").warming.keys()]).toEqual(["3"]);
  expect([...joint.of("b").warming.keys()]).toEqual(["2"]);
  expect(joint.of("c").ejected.size).toBe(0);
});

describe("what is told of nodes", () => {
  const node = defineNode({ service: "S", host: "127.0.0.1", port: 80 });

  test("ten changes of an upstream in half a minute; then how many were not told", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const told: NodeChange[] = [];
    let ejections = 0;
    const events = {
      ejected: () => void (ejections += 1),
      changed: (change: NodeChange) => void told.push(change),
    };
    const where = { registry: "eureka", service: "S" };
    const balancer = createBalancer(
      "roundrobin",
      toldOf(events, where, {
        outlierEjection: {
          consecutiveFailures: 1,
          ejectionMs: 1,
          maxEjectionMs: 1,
          monotonicMs: () => performance.now(),
        },
      }),
    );
    const nodes = [node];
    for (let times = 0; times < 20; times += 1) {
      balancer.pick(nodes)?.done("timeout", 1);
      vi.advanceTimersByTime(1);
    }
    expect(ejections).toBe(20);
    expect(told.map(({ change, untold }) => `${change} ${untold}`)).toEqual(
      Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? "ejected 0" : "returned 0")),
    );
    vi.advanceTimersByTime(30_000);
    balancer.pick(nodes)?.done("timeout", 1);
    expect(told.slice(10).map(({ change, untold }) => `${change} ${untold}`)).toEqual([
      "returned 29",
      "ejected 0",
    ]);
  });

  test("is one line each", () => {
    const lines: string[] = [];
    const log = pino(
      { base: null, timestamp: false },
      { write: (line: string) => void lines.push(line) },
    );
    const write = nodeChangeLog(log);
    const where = { registry: "eureka", service: "S", node: { ...node, id: "a" } };
    write({ ...where, change: "ejected", cause: "failures", forMs: 30_000, untold: 0 });
    write({ ...where, change: "returned", untold: 3 }, 2);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 40,
        registry: "eureka",
        service: "S",
        node: "a at 127.0.0.1:80",
        cause: "failures",
        for_ms: 30_000,
        msg: "node ejected, its requests fail",
      },
      {
        level: 30,
        registry: "eureka",
        service: "S",
        node: "a at 127.0.0.1:80",
        worker: 2,
        untold: 3,
        msg: "node used again",
      },
    ]);
  });
});
