import { memoryBackend } from "@rollcall/core";
import { expect, test } from "vitest";

import { echoNode, gatewayUnderTest, head, put, until } from "./gateway-under-test.ts";

const routes = `routes:
  - { id: user, uri: /user/*, upstream: { service_name: USER-SERVICE } }
  - { id: 7, uris: [/f, "/<b>"], upstream_id: f, desc: "<script>alert(1)</script>" }
upstreams: [{ id: f, nodes: { "127.0.0.1:1": 1 } }]
services: [{ id: s, upstream_id: f }]
`;

test("healthz, readyz and the dump follow the registry", async () => {
  const backend = memoryBackend();
  backend.stall();
  const { admin } = await gatewayUnderTest(routes, backend);
  expect((await admin("/healthz")).status).toBe(200);
  const notReady = await admin("/readyz");
  expect([notReady.status, notReady.json()]).toEqual([
    503,
    { status: "not ready", waiting_for: ["USER-SERVICE"] },
  ]);
  expect((await admin("/v1/discovery/eureka/dump")).json()).toEqual({
    config: { host: ["http://memory.invalid"] },
    services: {},
  });

  put(backend, "USER-SERVICE", 8080, { metadata: { version: "1" }, secure: true, weight: 5 });
  put(backend, "USER-SERVICE", 8081, { status: "down" });
  backend.recover();
  await until(async () => (await admin("/readyz")).status === 200, "readiness");
  expect((await admin("/v1/discovery/eureka/dump")).json()).toEqual({
    config: { host: ["http://memory.invalid"] },
    services: {
      "USER-SERVICE": {
        nodes: [
          {
            host: "127.0.0.1",
            port: 8080,
            weight: 5,
            status: "up",
            secure: true,
            metadata: { version: "1" },
          },
          {
            host: "127.0.0.1",
            port: 8081,
            weight: 100,
            status: "down",
            secure: false,
            metadata: {},
          },
        ],
      },
    },
  });
  backend.fail("UNAVAILABLE");
  await until(async () => (await admin("/")).text.includes("stale"), "the outage");
  expect((await admin("/readyz")).status).toBe(200);
});

test("secrets are in no answer", async () => {
  const { admin } = await gatewayUnderTest(
    head.replace(
      'host: ["http://memory.invalid"]',
      'host: ["http://u:s3cr@et@memory.invalid"], username: us3cret, password: s3cret, tls: { key: "-----BEGIN s3cret", cert: "-----BEGIN C" }',
    ) + routes,
  );
  for (const path of ["/", "/v1/status", "/v1/discovery/eureka/dump", "/v1/routes", "/metrics"]) {
    const { status, text } = await admin(path);
    expect(status).toBe(200);
    expect(text).not.toMatch(/s3cr|et@/);
  }
  expect((await admin("/v1/discovery/eureka/dump")).json().config).toMatchObject({
    host: ["http://***@memory.invalid"],
    username: "***",
    password: "***",
  });
});

test("what is loaded, as it is written", async () => {
  const { admin } = await gatewayUnderTest(routes);
  expect((await admin("/v1/routes")).json()).toEqual([
    {
      value: { id: "user", uri: "/user/*", upstream: { service_name: "USER-SERVICE" } },
    },
    {
      value: {
        id: "7",
        uris: ["/f", "/<b>"],
        upstream_id: "f",
        desc: "<script>alert(1)</script>",
      },
    },
  ]);
  expect((await admin("/v1/route/7")).json().value.upstream_id).toBe("f");
  expect((await admin("/v1/upstreams")).json()).toHaveLength(1);
  expect((await admin("/v1/upstream/f")).json().value.nodes).toEqual({ "127.0.0.1:1": 1 });
  expect((await admin("/v1/services")).json()).toEqual([{ value: { id: "s", upstream_id: "f" } }]);
  expect((await admin("/v1/service/s")).status).toBe(200);
});

test.each([
  "/nope",
  "/v1",
  "/v1/nope",
  "/v1/discovery/consul/dump",
  "/v1/discovery/eureka",
  "/v1/discovery/eureka/dump/x",
  "/v1/discovery/__proto__/dump",
  "/v1/route/nope",
  "/v1/route/constructor",
  "/v1/route",
  "/healthz/x",
])("%s is 404 in JSON", async (path) => {
  const { admin } = await gatewayUnderTest(routes);
  const answer = await admin(path);
  expect(answer.status).toBe(404);
  expect(answer.headers["content-type"]).toBe("application/json");
  expect(answer.json().error_msg).toMatch(/^404 /);
});

test("only GET and HEAD, and no malformed escapes", async () => {
  const { admin } = await gatewayUnderTest(routes);
  const posted = await admin("/healthz", "POST");
  expect([posted.status, posted.headers["allow"]]).toEqual([405, "GET, HEAD"]);
  const headOnly = await admin("/healthz", "HEAD");
  expect([headOnly.status, headOnly.text]).toEqual([200, ""]);
  expect((await admin("/v1/route/%zz")).status).toBe(400);
});

test("the status page escapes everything and runs nothing", async () => {
  const backend = memoryBackend();
  put(backend, "USER-SERVICE", 8080);
  const { admin } = await gatewayUnderTest(
    `routes: [{ id: r, uri: "/<img src=x>", upstream: { service_name: "<script>x" } }]\n`,
    backend,
  );
  const page = await admin("/");
  expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
  expect(page.text).not.toMatch(/<script|<img/);
  expect(page.text).toContain("&lt;script&gt;");
  expect((await admin("/v1/status")).json()).toMatchObject({
    services: [{ service: "<script>x" }],
    routes: [{ id: "r", uris: ["/<img src=x>"] }],
  });
});

test("requests are counted by route and status, and logged when asked for", async () => {
  const node = await echoNode("n");
  const { admin, get, access } = await gatewayUnderTest(`access_log: true
routes:
  - { id: one, uri: /one, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }
  - { id: none, uri: /none, upstream: { nodes: {} } }
`);
  await get("/one?x");
  await get("/none");
  await get("/nowhere");
  await until(() => access.length === 3, "three lines");
  expect(access).toMatchObject([
    {
      method: "GET",
      target: "/one?x",
      status: 200,
      attempts: 1,
      route: "one",
      node: `127.0.0.1:${node.port}`,
    },
    { target: "/none", status: 503, attempts: 0, route: "none" },
    { target: "/nowhere", status: 404, attempts: 0 },
  ]);
  const { text } = await admin("/metrics");
  expect(text).toContain('rollcall_requests_total{route="one",status="200"} 1');
  expect(text).toContain('rollcall_requests_total{route="none",status="503"} 1');
  expect(text).toContain('rollcall_requests_total{route="",status="404"} 1');
  expect(text).toContain('rollcall_request_duration_seconds_count{route="one"} 1');
  expect(text).toContain(
    'rollcall_upstream_attempts_total{registry="fixed",service="route:one",outcome="ok"} 1',
  );
});

test("attempts at nodes of a service in a scope are counted under its full name", async () => {
  const node = await echoNode("n");
  const backend = memoryBackend();
  const scope = { namespace: "blue" };
  const id = `127.0.0.1:${node.port}`;
  backend.put("S", id, { node: { service: "S", id, host: "127.0.0.1", port: node.port } }, scope);
  const { admin, get } = await gatewayUnderTest(
    head.replace("eureka: { host", "consul: { servers") +
      "routes: [{ id: r, uri: /, upstream: { service_name: S, discovery_type: consul, discovery_args: { namespace: blue } } }]\n",
    backend,
  );
  expect((await get("/")).status).toBe(200);
  expect((await admin("/metrics")).text).toContain(
    'rollcall_upstream_attempts_total{registry="consul",service="S?namespace=blue",outcome="ok"} 1',
  );
});
