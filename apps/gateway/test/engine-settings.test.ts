import { connect } from "node:net";

import { defaultLimits, limitBounds } from "@rollcall/proxy";
import { describe, expect, onTestFinished, test } from "vitest";

import { snakeCase } from "../src/config/engine-settings.ts";
import { loadText } from "./config-file.ts";
import { echoNode, gatewayUnderTest, until } from "./gateway-under-test.ts";

const base = "listen: [{ port: 0 }]\nroutes: []\n";
const route = (port: number, more = ""): string =>
  `routes: [{ id: all, uri: /*, ${more}upstream: { nodes: { "127.0.0.1:${port}": 1 } } }]\n`;

describe("limits", () => {
  test.each(Object.entries(limitBounds))("%s is a key with its bounds", (name, [least, most]) => {
    const key = snakeCase(name);
    for (const value of [least, most]) {
      const { config, lines } = loadText(`${base}limits: { ${key}: ${value} }\n`);
      expect(lines).toEqual([]);
      expect(config?.engine).toMatchObject({ [name]: value });
    }
    const { lines } = loadText(`${base}limits: { ${key}: ${least - 1} }\n`);
    expect(lines).toEqual([
      `c.yaml:3:${13 + key.length}: limits.${key} must be a whole number from ${least} to ${most}, got ${least - 1}`,
    ]);
  });

  test("an unknown one is refused, with what was meant", () => {
    const { lines } = loadText(`${base}limits: { max_body_byte: 1 }\n`);
    expect(lines.join()).toContain(
      'limits.max_body_byte is not a known key; did you mean "max_body_bytes"?',
    );
  });

  test("bound requests, from the start and after a reload", async () => {
    const node = await echoNode("node");
    const { get, gateway, config } = await gatewayUnderTest(
      `${route(node.port)}limits: { max_headers: 4 }\n`,
    );
    const headers = { a: "1", b: "2", c: "3", d: "4" };
    expect((await get("/", { headers })).status).toBe(431);
    await gateway.reload(config(`${route(node.port)}limits: { max_headers: 16 }\n`));
    expect((await get("/", { headers })).status).toBe(200);
    await gateway.reload(config(route(node.port)));
    expect(gateway.config.engine.maxHeaders).toBe(undefined);
    expect(defaultLimits.maxHeaders).toBe(128);
    expect((await get("/", { headers })).status).toBe(200);
  });
});

describe("trusted_proxies", () => {
  test("must be networks", () => {
    const { lines } = loadText(`${base}trusted_proxies: [10.0.0.0/33]\n`);
    expect(lines.join()).toContain("trusted_proxies[0] must be an IP address or a network");
  });

  test("say who asked: to nodes, to the access log, and to chash", async () => {
    const nodes = await Promise.all([1, 2, 3, 4, 5, 6].map((name) => echoNode(String(name))));
    const list = nodes.map(({ port }) => `"127.0.0.1:${port}": 1`).join(", ");
    const routes = `routes: [{ id: all, uri: /*, upstream: { type: chash, key: remote_addr, nodes: { ${list} } } }]\naccess_log: true\n`;
    const { get, gateway, config, access } = await gatewayUnderTest(
      `${routes}trusted_proxies: [127.0.0.0/8]\n`,
    );
    const serve = async (): Promise<Set<string>> => {
      const names = new Set<string>();
      for (let client = 1; client <= 20; client += 1) {
        const headers = { "x-forwarded-for": `203.0.113.${client}` };
        const answer = (await get("/", { headers })).json();
        names.add(answer.name);
        expect(answer.headers["x-forwarded-for"]).toBe(`203.0.113.${client}, 127.0.0.1`);
      }
      return names;
    };
    expect((await serve()).size).toBeGreaterThan(1);
    await until(() => access.length === 20, "the access log");
    expect(access.at(-1)?.remoteAddress).toBe("203.0.113.20");
    // Nobody is trusted: all is one client's.
    await gateway.reload(config(routes));
    expect((await serve()).size).toBe(1);
    await until(() => access.length === 40, "the access log");
    expect(access.at(-1)?.remoteAddress).toBe("127.0.0.1");
  });
});

describe("trusted_fields", () => {
  test("must be one of three words", () => {
    const { lines } = loadText(`${base}trusted_fields: both\n`);
    expect(lines.join()).toContain("trusted_fields must be either or x-forwarded or forwarded");
  });

  test("say by which fields those proxies speak", async () => {
    const node = await echoNode("node");
    const headers = { "x-forwarded-for": "203.0.113.1", forwarded: "for=203.0.113.2" };
    const trusted = `${route(node.port)}trusted_proxies: [127.0.0.0/8]\n`;
    const { get, gateway, config } = await gatewayUnderTest(trusted);
    const asked = async (): Promise<string> =>
      (await get("/", { headers })).json().headers["x-real-ip"];
    expect(await asked()).toBe("203.0.113.1");
    await gateway.reload(config(`${trusted}trusted_fields: forwarded\n`));
    expect(await asked()).toBe("203.0.113.2");
  });
});

describe("retry_methods", () => {
  test("must be in capitals", () => {
    const { lines } = loadText(`${base}retry_methods: [get]\n`);
    expect(lines.join()).toContain("retry_methods[0] must be a method in capitals, such as GET");
  });

  test("say what may be sent again", async () => {
    const broken = await echoNode("broken", (request) => void request.socket.destroy());
    const good = await echoNode("good");
    const routes = `routes: [{ id: all, uri: /*, upstream: { nodes: [{ host: 127.0.0.1, port: ${broken.port}, weight: 1, priority: 1 }, { host: 127.0.0.1, port: ${good.port}, weight: 1 }] } }]\n`;
    const { get, gateway, config } = await gatewayUnderTest(routes);
    expect((await get("/")).status).toBe(200);
    expect((await get("/", { method: "POST" })).status).toBe(502);
    await gateway.reload(config(`${routes}retry_methods: [POST]\n`));
    expect((await get("/")).status).toBe(502);
    expect((await get("/", { method: "POST" })).status).toBe(200);
  });
});

describe("half_close", () => {
  test("serve answers who has ended its half", async () => {
    const node = await echoNode("node");
    const { gateway } = await gatewayUnderTest(`${route(node.port)}half_close: serve\n`);
    const socket = connect({ port: gateway.addresses[0]!.port, host: "127.0.0.1" });
    onTestFinished(() => void socket.destroy());
    let received = "";
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    socket.end("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => received.endsWith("}"), "the answer");
    expect(received).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("enable_websocket", () => {
  async function switched(port: number): Promise<string> {
    const socket = connect({ port, host: "127.0.0.1" });
    onTestFinished(() => void socket.destroy());
    let received = "";
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    socket.write(
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    await until(() => received.includes("\r\n\r\n"), "the head");
    if (!received.startsWith("HTTP/1.1 101 ")) return received;
    socket.write("ping");
    await until(() => received.endsWith("ping"), "the echo");
    return received;
  }

  async function chatNode(): Promise<number> {
    const node = await echoNode("chat");
    node.server.on("upgrade", (_request, socket) => {
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
      );
      socket.pipe(socket);
      onTestFinished(() => void socket.destroy());
    });
    return node.port;
  }

  test.each([
    ["the route allows it", "enable_websocket: true, ", "", 101],
    ["the service allows it", "service_id: s, ", "enable_websocket: true, ", 101],
    [
      "the route refuses what the service allows",
      "service_id: s, enable_websocket: false, ",
      "enable_websocket: true, ",
      200,
    ],
    ["nobody says so", "", "", 200],
  ])("%s", async (_name, onRoute, onService, status) => {
    const port = await chatNode();
    const upstream = `upstream: { nodes: { "127.0.0.1:${port}": 1 } }`;
    const { gateway } = await gatewayUnderTest(
      `${route(port, onRoute)}services: [{ id: s, ${onService}${upstream} }]\n`,
    );
    expect(await switched(gateway.addresses[0]!.port)).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} `),
    );
  });

  test("must be true or false", () => {
    const { lines } = loadText(
      'listen: [{ port: 0 }]\nroutes: [{ uri: /, enable_websocket: 1, upstream: { nodes: { "a:1": 1 } } }]\n',
    );
    expect(lines.join()).toContain("routes[0].enable_websocket must be true or false");
  });
});

describe("OPTIONS *", () => {
  test("asks whether somebody is there, and goes to no node", async () => {
    let asked = 0;
    const node = await echoNode("node", (_request, response) => {
      asked += 1;
      response.end();
    });
    const { get } = await gatewayUnderTest(route(node.port));
    const answer = await get("*", { method: "OPTIONS" });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect((await get("*")).status).toBe(400);
    expect(asked).toBe(0);
  });
});
