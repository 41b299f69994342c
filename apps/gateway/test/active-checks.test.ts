import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { createServer as createHttps } from "node:https";
import { createServer, type AddressInfo } from "node:net";

import { memoryBackend } from "@rollcall/core";
import { createAuthority, freePort } from "@rollcall/testbed";
import { describe, expect, onTestFinished, test } from "vitest";

import { loadText } from "./config-file.ts";
import {
  echoNode,
  type EchoNode,
  gatewayUnderTest,
  type GatewayUnderTest,
  put,
  until,
} from "./gateway-under-test.ts";

/** A node with a health of its own, which requests do not ask for. */
interface CheckedNode extends EchoNode {
  readonly name: string;
  /** Status of `/health`; 0: it does not answer. */
  health: number;
  /** Requests that were no checks. */
  asked: number;
  readonly checks: { readonly url: string; readonly headers: IncomingHttpHeaders }[];
}

async function checkedNode(name: string, health = 200): Promise<CheckedNode> {
  const state = { name, health, asked: 0, checks: [] as CheckedNode["checks"] };
  const node = await echoNode(name, ({ url = "", headers }, response) => {
    if (!url.startsWith("/health")) {
      state.asked += 1;
      response.end(name);
      return;
    }
    state.checks.push({ url, headers });
    if (state.health > 0) response.writeHead(state.health).end();
  });
  return Object.assign(state, node);
}

const quick = "interval: 0.1";

function route(nodes: readonly EchoNode[], checks: string, more = ""): string {
  const all = nodes.map(({ port }) => `"127.0.0.1:${port}": 1`).join(", ");
  return `routes: [{ id: r, uri: /*, upstream: { nodes: { ${all} }, checks: { active: ${checks} }${more} } }]\n`;
}

async function unhealthy({ admin }: GatewayUnderTest): Promise<readonly string[]> {
  const { services } = (await admin("/v1/status")).json();
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever was answered
  return services.flatMap(({ nodes }: any) =>
    // oxlint-disable-next-line typescript/no-explicit-any -- whatever was answered
    nodes.filter((node: any) => node.unhealthy).map((node: any) => node.id),
  );
}

async function untilUnhealthy(
  under: GatewayUnderTest,
  ...nodes: readonly Pick<EchoNode, "port">[]
): Promise<void> {
  const wanted = nodes
    .map(({ port }) => `127.0.0.1:${port}`)
    .toSorted((a, b) => a.localeCompare(b));
  await until(
    async () => JSON.stringify(await unhealthy(under)) === JSON.stringify(wanted),
    `${wanted.join(", ") || "nobody"} to be unhealthy`,
  );
}

const http = `{ http_path: /health, timeout: 5, healthy: { ${quick} }, unhealthy: { ${quick}, http_failures: 2 } }`;

test("a node whose checks fail gets no requests until they pass again; it is seen, counted and told", async () => {
  const [good, bad] = [await checkedNode("good"), await checkedNode("bad")];
  const under = await gatewayUnderTest(route([good, bad], http));
  await until(() => good.checks.length > 1 && bad.checks.length > 1, "both to be asked");
  expect(await unhealthy(under)).toEqual([]);
  bad.health = 500;
  await untilUnhealthy(under, bad);
  const before = bad.asked;
  for (let times = 0; times < 20; times += 1) expect((await under.get("/")).text).toBe("good");
  expect(bad.asked).toBe(before);
  const id = `127.0.0.1:${bad.port}`;
  const where = { registry: "fixed", service: "route:r", untold: 0 };
  const node = { id, host: "127.0.0.1", port: bad.port };
  expect(under.changes).toEqual([{ ...where, node, change: "unhealthy", cause: "http_failure" }]);
  expect((await under.admin("/")).text).toContain(`${id} up, weight 1, unhealthy`);
  const { text } = await under.admin("/metrics");
  const labels = 'registry="fixed",service="route:r"';
  expect(text).toContain(`rollcall_upstream_nodes{${labels},state="unhealthy"} 1\n`);
  expect(text).toMatch(/^rollcall_health_checks_total\{.*result="http_failure"\} [1-9]/m);
  expect(text).toMatch(/^rollcall_health_checks_total\{.*result="success"\} [1-9]/m);
  bad.health = 302;
  await untilUnhealthy(under);
  const names = new Set<string>();
  for (let times = 0; times < 4; times += 1) names.add((await under.get("/")).text);
  expect(names).toEqual(new Set(["good", "bad"]));
  expect(under.changes.slice(1)).toEqual([{ ...where, node, change: "healthy" }]);
});

test("with all nodes unhealthy all are used", async () => {
  const nodes = [await checkedNode("one", 500), await checkedNode("two", 503)];
  const under = await gatewayUnderTest(route(nodes, http));
  await untilUnhealthy(under, ...nodes);
  for (let times = 0; times < 10; times += 1) expect((await under.get("/")).status).toBe(200);
  for (const { asked } of nodes) expect(asked).toBe(5);
});

test("a request that could go nowhere else goes to an unhealthy node", async () => {
  const bad = await checkedNode("bad", 500);
  const port = await freePort();
  const dead = createServer((socket) => void socket.destroy()).listen(port, "127.0.0.1");
  await once(dead, "listening");
  const active = `{ http_path: /health, healthy: { ${quick} }, unhealthy: { ${quick}, http_failures: 1, tcp_failures: 0, timeouts: 0 } }`;
  const under = await gatewayUnderTest(route([bad, { ...bad, port }], active));
  await untilUnhealthy(under, bad);
  await new Promise((resolve) => dead.close(resolve));
  expect((await under.get("/")).text).toBe("bad");
});

describe("what counts as a failure", () => {
  test("no answer in time", async () => {
    // Alone: on a busy machine one that is well can be as late.
    const mute = await checkedNode("mute", 0);
    const active = `{ http_path: /health, timeout: 0.2, healthy: { ${quick} }, unhealthy: { ${quick}, timeouts: 1 } }`;
    const under = await gatewayUnderTest(route([mute], active));
    await untilUnhealthy(under, mute);
    expect(under.changes).toMatchObject([{ cause: "timeout" }]);
  });

  test("no connection, and with type tcp nothing else", async () => {
    const [good, bad] = [await checkedNode("good"), await checkedNode("bad", 500)];
    const active = `{ type: tcp, timeout: 5, healthy: { ${quick} }, unhealthy: { ${quick}, tcp_failures: 2 } }`;
    const under = await gatewayUnderTest(route([good, bad], active));
    await until(async () => {
      const { text } = await under.admin("/metrics");
      return Number(/^rollcall_health_checks_total\{.*"success"\} (\d+)/m.exec(text)?.[1]) > 6;
    }, "some checks");
    expect(await unhealthy(under)).toEqual([]);
    expect(bad.checks).toEqual([]);
    await bad.stop();
    await untilUnhealthy(under, bad);
    expect(under.changes).toMatchObject([{ cause: "tcp_failure" }]);
  });

  test("a status of neither list says nothing", async () => {
    const odd = await checkedNode("odd", 500);
    const active = `{ http_path: /health, timeout: 5, healthy: { ${quick}, http_statuses: [204] }, unhealthy: { ${quick}, http_statuses: [500], http_failures: 3 } }`;
    const under = await gatewayUnderTest(route([odd, await checkedNode("good", 204)], active));
    await until(() => odd.checks.length > 0, "a check");
    odd.health = 418;
    const before = odd.checks.length;
    await until(() => odd.checks.length > before + 4, "further checks");
    expect(await unhealthy(under)).toEqual([]);
    odd.health = 500;
    await untilUnhealthy(under, odd);
  });

  test("certificates that are not trusted, unless they are not verified", async () => {
    const authority = createAuthority();
    const { certPem: cert, keyPem: key } = authority.issue("node", ["127.0.0.1"]);
    let checks = 0;
    const server = createHttps({ cert, key }, ({ url }, response) => {
      if (url === "/health") checks += 1;
      response.end("node");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const active = (more: string): string =>
      `{ type: https, http_path: /health, timeout: 5, healthy: { ${quick} }, unhealthy: { ${quick} }${more} }`;
    const upstream = (more: string, tls: string): string =>
      `upstream: { scheme: https, nodes: { "127.0.0.1:${port}": 1 }, checks: { active: ${active(more)} }${tls} }`;
    const ca = `, tls: { ca: ${JSON.stringify(authority.caPem)} }`;
    const under = await gatewayUnderTest(`routes:
  - { id: trusted, uri: /trusted, ${upstream("", ca)} }
  - { id: stranger, uri: /stranger, ${upstream("", "")} }
  - { id: unverified, uri: /unverified, ${upstream(", https_verify_certificate: false", "")} }
`);
    await until(() => under.changes.length > 0 && checks > 6, "checks of each kind");
    expect(under.changes).toMatchObject([{ service: "route:stranger", cause: "tcp_failure" }]);
  });
});

test("a check is as it is configured", async () => {
  const node = await checkedNode("node");
  const other = await checkedNode("other");
  const active = (more: string): string =>
    `{ http_path: "/health?deep=1", port: ${node.port}, req_headers: ["User-Agent: mine", "X-A:b"], timeout: 5, healthy: { ${quick} }${more} }`;
  const under = await gatewayUnderTest(route([other], active(", host: checks.example")));
  await until(() => node.checks.length > 0, "a check");
  expect(node.checks[0]).toMatchObject({
    url: "/health?deep=1",
    headers: { host: "checks.example", "user-agent": "mine", "x-a": "b", connection: "close" },
  });
  expect(other.checks).toEqual([]);
  const rewrites = ", pass_host: rewrite, upstream_host: up.example";
  await under.gateway.reload(under.config(route([other], active(""), rewrites)));
  await until(() => node.checks.at(-1)?.headers.host === "up.example", "the upstream's host");
  await under.gateway.reload(
    under.config(route([node], `{ http_path: /health, healthy: { ${quick} } }`)),
  );
  await until(() => node.checks.at(-1)?.headers.host === `127.0.0.1:${node.port}`, "its own");
  expect(node.checks.at(-1)?.headers["user-agent"]).toBe("rollcall-health-check");
});

test("no more checks at a time than concurrency says", async () => {
  let now = 0;
  let most = 0;
  let count = 0;
  const node = await echoNode("slow", (_request, response) => {
    now += 1;
    count += 1;
    most = Math.max(most, now);
    setTimeout(() => {
      now -= 1;
      response.end();
    }, 20);
  });
  const backend = memoryBackend();
  for (let last = 1; last <= 8; last += 1) {
    const id = `n${last}`;
    backend.put("S", id, { node: { service: "S", id, host: "127.0.0.1", port: node.port } });
  }
  const upstream = (concurrency: number): string =>
    `routes: [{ id: r, uri: /*, upstream: { service_name: S, checks: { active: { concurrency: ${concurrency}, timeout: 5, healthy: { ${quick} } } } } }]\n`;
  const under = await gatewayUnderTest(upstream(2), backend);
  await until(() => count > 20, "checks");
  expect(most).toBe(2);
  await under.gateway.close();
  // As many as may run at a time can still be on their way to the node.
  const end = count + 2;
  await expect(until(() => count > end, "nothing more", 300)).rejects.toThrow("nothing more");
});

describe("what is known of nodes", () => {
  test("stays over updates and reloads, and goes with the node or its checks", async () => {
    const [good, bad] = [await checkedNode("good"), await checkedNode("bad", 500)];
    const backend = memoryBackend();
    for (const { port } of [good, bad]) put(backend, "S", port);
    // Only failures are asked for often, so that what is forgotten stays forgotten for a while.
    const text = (more: string): string =>
      `routes: [{ id: r, uri: /*, upstream: { service_name: S, checks: { active: { http_path: /health, timeout: 5, healthy: { ${quick} }, unhealthy: { ${quick}, http_failures: 2 } } } } }]\n${more}`;
    const under = await gatewayUnderTest(text(""), backend);
    await untilUnhealthy(under, bad);
    await under.gateway.reload(under.config(text("drain_timeout: 50\n")));
    expect(await unhealthy(under)).toEqual([`127.0.0.1:${bad.port}`]);
    const third = await checkedNode("third");
    put(backend, "S", third.port);
    await until(() => third.checks.length > 0, "the newcomer to be checked");
    expect(await unhealthy(under)).toEqual([`127.0.0.1:${bad.port}`]);
    expect(under.changes).toHaveLength(1);
    backend.delete("S", `127.0.0.1:${bad.port}`);
    await untilUnhealthy(under);
    const before = bad.checks.length;
    put(backend, "S", bad.port);
    await until(() => bad.checks.length > before, "it to be checked anew");
    await untilUnhealthy(under, bad);
    await under.gateway.reload(
      under.config("routes: [{ id: r, uri: /*, upstream: { service_name: S } }]\n"),
    );
    expect(await unhealthy(under)).toEqual([]);
    // One can still be on its way to the node.
    const end = bad.checks.length + 1;
    await expect(until(() => bad.checks.length > end, "no more checks", 500)).rejects.toThrow();
  });
});

describe("configuration", () => {
  const loaded = (active: string, more = ""): ReturnType<typeof loadText> =>
    loadText(`listen: [{ port: 0 }]
routes: [{ id: r, uri: /*, upstream: { nodes: { "a:1": 1 }, checks: { active: ${active} }${more} } }]
`);

  test("defaults are APISIX's", () => {
    const { config, lines } = loaded("{}");
    expect(lines).toEqual([]);
    expect(config?.routes[0]?.upstream.checks).toEqual({
      type: "http",
      timeoutMs: 1_000,
      concurrency: 10,
      path: "/",
      headers: [],
      verify: true,
      healthy: { intervalMs: 1_000, statuses: [200, 302], successes: 2 },
      unhealthy: {
        intervalMs: 1_000,
        statuses: [429, 404, 500, 501, 502, 503, 504, 505],
        httpFailures: 5,
        tcpFailures: 2,
        timeouts: 3,
      },
    });
  });

  test("http to nodes that speak TLS is a warning", () => {
    const message = "checks.active.type is http, and the nodes speak TLS: every check will fail";
    expect(loaded("{}", ", scheme: https").lines.join()).toContain(message);
    expect(loaded("{ type: https }", ", scheme: https").lines).toEqual([]);
    expect(loaded("{ port: 81 }", ", scheme: https").lines).toEqual([]);
  });

  test("fields that are sent are shown nowhere", async () => {
    const field = "Authorization: Bearer s3cret";
    const { lines } = loaded(`{ req_headers: ["${field}é"] }`);
    expect(lines.join()).toContain("active.req_headers[0] must be as");
    expect(lines.join()).not.toContain("s3cret");
    const node = await checkedNode("node", 500);
    const under = await gatewayUnderTest(
      route(
        [node],
        `{ http_path: /health, req_headers: ["${field}"], healthy: { ${quick} }, unhealthy: { http_failures: 1 } }`,
      ),
    );
    await until(() => under.changes.length > 0, "a check");
    expect(node.checks[0]?.headers["authorization"]).toBe("Bearer s3cret");
    expect(JSON.stringify(under.changes)).not.toContain("s3cret");
    for (const path of ["/", "/v1/status", "/v1/routes", "/v1/route/r", "/metrics"]) {
      expect((await under.admin(path)).text).not.toContain("s3cret");
    }
  });

  test("goes together with passive ones", () => {
    const { config, lines } = loadText(`listen: [{ port: 0 }]
routes: [{ id: r, uri: /*, upstream: { nodes: { "a:1": 1 }, checks: { active: { type: tcp }, passive: { unhealthy: { tcp_failures: 3 } } } } }]
`);
    expect(lines).toEqual([]);
    expect(config?.routes[0]?.upstream.checks?.type).toBe("tcp");
    expect(config?.routes[0]?.upstream.balancing.outlierEjection?.consecutiveTcpFailures).toBe(3);
  });

  test.each([
    ["{ type: grpc }", "active.type must be http or https or tcp"],
    ["{ timeout: 0 }", "active.timeout must be a number from 0.001 to 3600"],
    ["{ http_path: health }", "active.http_path must be a path that starts with /"],
    ['{ http_path: "/a b" }', "active.http_path must be a path that starts with /"],
    ['{ req_headers: ["a"] }', 'active.req_headers[0] must be as "Name: value"'],
    ['{ req_headers: ["A: b\\r\\nC: d"] }', 'active.req_headers[0] must be as "Name: value"'],
    ['{ req_headers: ["Host: a"] }', "active.req_headers[0] may not set Host; use host"],
    [
      '{ req_headers: ["Transfer-Encoding: chunked"] }',
      "active.req_headers[0] may not set Transfer-Encoding",
    ],
    ["{ healthy: { interval: 0 } }", "active.healthy.interval must be a number from 0.1 to 86400"],
    ["{ healthy: { successes: 0 } }", "active.healthy.successes must be a whole number from 1"],
    ["{ unhealthy: { http_statuses: [] } }", "active.unhealthy.http_statuses must name at least"],
    ["{ port: 0 }", "active.port must be a whole number from 1 to 65535"],
    ["{ http_method: HEAD }", "active.http_method is not supported in this version"],
    ["{ htp_path: / }", 'active.htp_path is not a known key; did you mean "http_path"?'],
  ])("%s is refused", (active, message) => {
    const { config, lines } = loaded(active);
    expect(config).toBe(undefined);
    expect(lines.join("\n")).toContain(`routes[0].upstream.checks.${message}`);
  });
});
