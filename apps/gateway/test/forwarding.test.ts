import { memoryBackend } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { echoNode, gatewayUnderTest, put, until } from "./gateway-under-test.ts";

const example = `routes:
  - { id: user, uri: /user/*, upstream: { service_name: USER-SERVICE, discovery_type: eureka, type: roundrobin } }
  - { id: a, uri: /a/*, plugins: { proxy-rewrite: { regex_uri: ["^/a/(.*)", "/\${1}"] } }, upstream: { service_name: A-SERVICE, discovery_type: eureka, type: roundrobin } }
  - { id: b, uri: /b/*, plugins: { proxy-rewrite: { regex_uri: ["^/b/(.*)", "/\${1}"] } }, upstream: { service_name: B-SERVICE, discovery_type: eureka, type: roundrobin } }
`;

describe("the example", () => {
  test("routes by service name, in turn, with and without rewriting", async () => {
    const backend = memoryBackend();
    for (const [name, service] of [
      ["u1", "USER-SERVICE"],
      ["u2", "USER-SERVICE"],
      ["a", "A-SERVICE"],
      ["b", "B-SERVICE"],
    ] as const) {
      put(backend, service, (await echoNode(name)).port);
    }
    const { get } = await gatewayUnderTest(example, backend);
    const names: string[] = [];
    for (let index = 0; index < 4; index++) {
      const { name, url } = (await get("/user/hello?x=%2F&&")).json();
      expect(url).toBe("/user/hello?x=%2F&&");
      names.push(name);
    }
    expect(names.toSorted()).toEqual(["u1", "u1", "u2", "u2"]);
    expect(names[0]).not.toBe(names[1]);
    expect((await get("/a/test")).json()).toMatchObject({ name: "a", url: "/test" });
    expect((await get("/b/test?q=1")).json()).toMatchObject({ name: "b", url: "/test?q=1" });
    expect((await get("/b/")).json()).toMatchObject({ name: "b", url: "/" });
  });

  test("weights are exact: 3, 2 and 1 of every six", async () => {
    const backend = memoryBackend();
    for (const weight of [3, 2, 1, 0]) {
      put(backend, "USER-SERVICE", (await echoNode(`w${weight}`)).port, { weight });
    }
    const { get } = await gatewayUnderTest(example, backend);
    const counts: Record<string, number> = {};
    for (let index = 0; index < 12; index++) {
      const { name } = (await get("/user/x")).json();
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(counts).toEqual({ w3: 6, w2: 4, w1: 2 });
  });

  test("nodes come and go without a restart; a dead one is passed over", async () => {
    const { get, backend, admin } = await gatewayUnderTest(example);
    const one = await echoNode("one");
    const two = await echoNode("two");
    put(backend, "USER-SERVICE", one.port);
    await until(async () => (await get("/user/x")).status === 200, "the first node");
    put(backend, "USER-SERVICE", two.port);
    await until(async () => (await get("/user/x")).json().name === "two", "the second node");
    await one.stop();
    for (let index = 0; index < 6; index++) {
      expect((await get("/user/x")).json()).toMatchObject({ name: "two" });
    }
    const metrics = (await admin("/metrics")).text;
    expect(metrics).toMatch(
      /upstream_attempts_total\{.*"USER-SERVICE",outcome="tcp_failure"\} [1-9]/,
    );
  });

  test("a registry that is down changes nothing for known nodes", async () => {
    const backend = memoryBackend();
    put(backend, "USER-SERVICE", (await echoNode("one")).port);
    const { get, admin } = await gatewayUnderTest(example, backend);
    expect((await get("/user/x")).status).toBe(200);
    backend.fail("UNAVAILABLE");
    await until(
      async () =>
        /discovery_state\{.*"USER-SERVICE",state="stale"\} 1/.test((await admin("/metrics")).text),
      "the outage to be noticed",
    );
    expect((await get("/user/x")).status).toBe(200);
  });
});

describe("paths", () => {
  const routes = (u: number, admin: number): string => `routes:
  - { id: u, uri: /u/*, upstream: { nodes: { "127.0.0.1:${u}": 1 } } }
  - { id: admin, uri: /admin/*, upstream: { nodes: { "127.0.0.1:${admin}": 1 } } }
`;

  test.each([
    ["/u/../admin/x", "admin", "/admin/x"],
    ["/u/%2e%2e/admin/x", "admin", "/admin/x"],
    ["/u//../admin/x", "admin", "/admin/x"],
    ["/u/..//admin/x", "admin", "/admin/x"],
    ["//u/.%2E/admin/x?y=..", "admin", "/admin/x?y=.."],
    ["/u/a%2Fb//c;d=1/%7e?x=%zz&&", "u", "/u/a%2Fb//c;d=1/%7e?x=%zz&&"],
    ["/%75/x", "u", "/%75/x"],
    ["/u/%C3%BC/%ff", "u", "/u/%C3%BC/%ff"],
    ["//u/x", "u", "/u/x"],
    ["/u/?", "u", "/u/?"],
  ])("%s reaches %s as %s", async (target, name, url) => {
    const [u, admin] = [await echoNode("u"), await echoNode("admin")];
    const { get } = await gatewayUnderTest(routes(u.port, admin.port));
    expect((await get(target)).json()).toMatchObject({ name, url });
  });

  test.each(["/u/%", "/u/..%2fadmin/x", "/u/..;/admin/x", "/u/..%5cadmin", "/u/%00", "/../u/x"])(
    "%s is refused",
    async (target) => {
      const [u, admin] = [await echoNode("u"), await echoNode("admin")];
      const { get } = await gatewayUnderTest(routes(u.port, admin.port));
      const answer = await get(target);
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ error_msg: "400 Bad Request", code: "BAD_REQUEST" });
    },
  );
});

describe("what the gateway answers by itself", () => {
  test("no route: 404", async () => {
    const { get } = await gatewayUnderTest(example);
    const answer = await get("/user");
    expect(answer.status).toBe(404);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.json()).toEqual({
      error_msg: "404 Route Not Found",
      code: "ROUTE_NOT_FOUND",
      reason: "no route fits this host, path and method",
    });
  });

  test("a service nobody has spoken of yet: 503 after wait_ms", async () => {
    const backend = memoryBackend();
    backend.stall();
    const { get } = await gatewayUnderTest(example, backend);
    const answer = await get("/user/x");
    expect(answer.status).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(answer.json()).toEqual({
      error_msg: "503 Service Unavailable",
      code: "DISCOVERY_PENDING",
      service: "USER-SERVICE",
      reason: "the registry eureka has not answered yet",
    });
  });

  test("a request waits for a registry that is about to answer", async () => {
    const backend = memoryBackend();
    backend.stall();
    const { gateway, get } = await gatewayUnderTest(
      `listen: [{ port: 0 }]
snapshot_dir: off
wait_ms: 60000
discovery: { eureka: { host: ["http://memory.invalid"] } }
${example}`,
      backend,
    );
    const answer = get("/user/x");
    put(backend, "USER-SERVICE", (await echoNode("one")).port);
    backend.recover();
    expect((await answer).json()).toMatchObject({ name: "one" });
    expect(gateway.adminAddress).toBeUndefined();
  });

  test("a registry that refuses us: 503 that says so, without details", async () => {
    const backend = memoryBackend();
    backend.fail("AUTH");
    const { get } = await gatewayUnderTest(example, backend);
    expect((await get("/user/x")).json()).toMatchObject({
      code: "DISCOVERY_PENDING",
      reason: "the registry eureka has not answered yet (AUTH)",
    });
  });

  test.each([
    ["no nodes", undefined, "the service has no nodes"],
    ["all weights 0", { weight: 0 }, "none of the service's 1 nodes is up with a weight above 0"],
    ["nothing up", { status: "down" }, "none of the service's 1 nodes is up with a weight above 0"],
    [
      "a denied address",
      { host: "169.254.169.254" },
      "the addresses of all 1 routable nodes are denied by the gateway's rules",
    ],
  ])("%s: 503 at once", async (_what, node, reason) => {
    const backend = memoryBackend();
    if (node !== undefined) put(backend, "USER-SERVICE", 1, node);
    const { get } = await gatewayUnderTest(example, backend);
    await until(async () => (await get("/user/x")).json().code === "NO_NODES", "the registry");
    const answer = await get("/user/x");
    expect(answer.status).toBe(503);
    expect(answer.json()).toEqual({
      error_msg: "503 Service Unavailable",
      code: "NO_NODES",
      service: "USER-SERVICE",
      reason,
    });
  });

  test("nobody there: 502; nobody answers: 504; both name no address", async () => {
    const gone = await echoNode("gone");
    await gone.stop();
    const mute = await echoNode("mute", () => undefined);
    const { get } = await gatewayUnderTest(`routes:
  - { uri: /gone, upstream: { nodes: { "127.0.0.1:${gone.port}": 1 } } }
  - { uri: /mute, upstream: { nodes: { "127.0.0.1:${mute.port}": 1 }, timeout: { read: 0.05 } } }
`);
    const failed = await get("/gone");
    expect([failed.status, failed.json()]).toMatchObject([
      502,
      {
        error_msg: "502 Bad Gateway",
        code: "CONNECT_FAILED",
        reason: "1 node tried, none could be reached (ECONNREFUSED)",
      },
    ]);
    const slow = await get("/mute");
    expect([slow.status, slow.json()]).toMatchObject([
      504,
      { code: "UPSTREAM_TIMEOUT", reason: "1 node tried, no answer in time" },
    ]);
    expect(failed.text + slow.text).not.toContain("127.0.0.1");
  });

  test("the gateway never sends a request to itself", async () => {
    const backend = memoryBackend();
    const { gateway, get } = await gatewayUnderTest(example, backend);
    put(backend, "USER-SERVICE", gateway.addresses[0]!.port);
    put(backend, "USER-SERVICE", gateway.adminAddress!.port, { host: "::ffff:127.0.0.1" });
    await until(async () => (await get("/user/x")).text.includes("all 2 routable"), "both nodes");
  });

  test("a name that resolves to a denied address is not connected to", async () => {
    const node = await echoNode("local");
    const { get } = await gatewayUnderTest(
      `node_addresses: { deny: [127.0.0.0/8, "::1"] }
routes: [{ uri: /x, upstream: { nodes: { "localhost:${node.port}": 1 } } }]
`,
    );
    expect((await get("/x")).json()).toMatchObject({
      code: "CONNECT_FAILED",
      reason: "1 node tried, none could be reached (ADDRESS_NOT_ALLOWED)",
    });
  });
});

describe("upstream settings", () => {
  test.each([
    ["", "client.example"],
    ["pass_host: pass,", "client.example"],
    ["pass_host: rewrite, upstream_host: other.example,", "other.example"],
    ["pass_host: node,", "NODE"],
  ])("Host with { %s }", async (text, expected) => {
    const node = await echoNode("n");
    const { get } = await gatewayUnderTest(
      `routes: [{ uri: /x, upstream: { ${text} nodes: { "127.0.0.1:${node.port}": 1 } } }]\n`,
    );
    const { host } = (await get("/x", { headers: { host: "client.example" } })).json();
    expect(host).toBe(expected === "NODE" ? `127.0.0.1:${node.port}` : expected);
  });

  test("proxy-rewrite.host goes before the upstream's", async () => {
    const node = await echoNode("n");
    const { get } = await gatewayUnderTest(
      `routes: [{ uri: /x, plugins: { proxy-rewrite: { host: p.example } }, upstream: { pass_host: node, nodes: { "127.0.0.1:${node.port}": 1 } } }]\n`,
    );
    expect((await get("/x")).json()).toMatchObject({ host: "p.example", url: "/x" });
  });

  test("routes choose by host and method", async () => {
    const [one, two] = [await echoNode("one"), await echoNode("two")];
    const { get } = await gatewayUnderTest(`routes:
  - { uri: /*, host: "*.one.example", methods: [GET], upstream: { nodes: { "127.0.0.1:${one.port}": 1 } } }
  - { uri: /*, upstream: { nodes: { "127.0.0.1:${two.port}": 1 } } }
`);
    const headers = { host: "x.ONE.example:8080" };
    expect((await get("/", { headers })).json()).toMatchObject({ name: "one" });
    expect((await get("/", { headers, method: "DELETE" })).json()).toMatchObject({ name: "two" });
    expect((await get("/")).json()).toMatchObject({ name: "two" });
  });

  test("retries: 0 gives up after the first node", async () => {
    const [gone, here] = [await echoNode("gone"), await echoNode("here")];
    await gone.stop();
    const { get } = await gatewayUnderTest(
      `routes: [{ uri: /x, upstream: { retries: 0, nodes: { "127.0.0.1:${gone.port}": 1, "127.0.0.1:${here.port}": 1 } } }]\n`,
    );
    const statuses = [(await get("/x")).status, (await get("/x")).status];
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 502]);
  });

  test("nodes of higher priority serve until none of them can", async () => {
    const [main, backup] = [await echoNode("main"), await echoNode("backup")];
    const { get } = await gatewayUnderTest(`routes:
  - uri: /x
    upstream:
      nodes:
        - { host: 127.0.0.1, port: ${main.port}, weight: 1 }
        - { host: 127.0.0.1, port: ${backup.port}, weight: 1, priority: -1 }
`);
    expect((await get("/x")).json()).toMatchObject({ name: "main" });
    expect((await get("/x")).json()).toMatchObject({ name: "main" });
    await main.stop();
    expect((await get("/x")).json()).toMatchObject({ name: "backup" });
  });

  const three = async (): Promise<string> => {
    const nodes = await Promise.all(["a", "b", "c"].map((name) => echoNode(name)));
    return nodes.map(({ port }) => `"127.0.0.1:${port}": 1`).join(", ");
  };

  test.each([
    ["header", "x-user", (user: string) => ["/x", { "x-user": user }] as const],
    ["cookie", "sid", (user: string) => ["/x", { cookie: `a=1; sid=${user}` }] as const],
    ["vars", "arg_user", (user: string) => [`/x?a=1&user=${user}`, {}] as const],
    ["vars_combinations", "$host-${arg_user}", (user: string) => [`/x?user=${user}`, {}] as const],
  ])("chash by %s %s keeps a key at its node", async (hashOn, key, ask) => {
    const { get } = await gatewayUnderTest(
      `routes: [{ uri: /x, upstream: { type: chash, hash_on: ${hashOn}, key: "${key}", nodes: { ${await three()} } } }]\n`,
    );
    const seen = new Set<string>();
    for (let user = 0; user < 12; user += 1) {
      const [target, headers] = ask(`user-${user}`);
      const names = new Set<string>();
      for (let again = 0; again < 3; again += 1) {
        names.add((await get(target, { headers })).json().name);
      }
      expect(names.size).toBe(1);
      for (const name of names) seen.add(name);
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  test("chash without a value goes by the client's address", async () => {
    const { get } = await gatewayUnderTest(
      `routes: [{ uri: /x, upstream: { type: chash, hash_on: header, key: x-user, nodes: { ${await three()} } } }]\n`,
    );
    const names = new Set<string>();
    for (let again = 0; again < 6; again += 1) names.add((await get("/x")).json().name);
    expect(names.size).toBe(1);
  });

  test.each(["least_conn", "ewma", "p2c"])("%s spreads requests", async (type) => {
    const { get } = await gatewayUnderTest(
      `routes: [{ uri: /x, upstream: { type: ${type}, nodes: { ${await three()} } } }]\n`,
    );
    const names = new Set<string>();
    for (let again = 0; again < 60; again += 1) names.add((await get("/x")).json().name);
    expect(names).toEqual(new Set(["a", "b", "c"]));
  });
});
