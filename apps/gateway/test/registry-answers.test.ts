import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";

import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";

import { formatProblem, loadConfig, registryFactories, startGateway } from "../src/index.ts";
import { logDiscovery } from "../src/log.ts";
import { testDirectory } from "./config-file.ts";
import { type Answer, echoNode, type EchoNode, send, until } from "./gateway-under-test.ts";

type Line = Readonly<Record<string, unknown>>;

/** A registry that answers whatever it is told to: a fake, for a real one is never this wrong. */
interface FakeRegistry {
  readonly url: string;
  answer: (response: ServerResponse) => void;
}

async function fakeRegistry(answer: FakeRegistry["answer"]): Promise<FakeRegistry> {
  const server = createServer((request, response) => {
    if (request.url?.includes("/delta") === true) response.writeHead(404).end();
    else fake.answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fake: FakeRegistry = { url, answer };
  return fake;
}

/** What Eureka answers when these are the records of `ORDERS`. */
function records(...instance: readonly object[]): FakeRegistry["answer"] {
  return (response) => {
    const application = [{ name: "ORDERS", instance }];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ applications: { apps__hashcode: "", application } }));
  };
}

function record(id: string, port: unknown, more: object = {}): object {
  const enabled = { $: port, "@enabled": "true" };
  return {
    instanceId: id,
    hostName: "h",
    ipAddr: "127.0.0.1",
    status: "UP",
    port: enabled,
    ...more,
  };
}

interface Started {
  readonly node: EchoNode;
  readonly registry: FakeRegistry;
  readonly lines: () => readonly Line[];
  readonly get: (path: string) => Promise<Answer>;
  readonly admin: (path: string) => Promise<Answer>;
}

/** A gateway with the real adapter on a registry that begins with one good node. */
async function started(first?: (node: EchoNode) => FakeRegistry["answer"]): Promise<Started> {
  const node = await echoNode("good");
  const registry = await fakeRegistry(first?.(node) ?? records(record("good", node.port)));
  const configFile = join(testDirectory(), "gateway.yaml");
  writeFileSync(
    configFile,
    `listen: [{ port: 0 }]
admin: { port: 0 }
snapshot_dir: "off"
wait_ms: 20000
discovery: { eureka: { host: ["${registry.url}"], fetch_interval: 1, timeout: { read: 20000 } } }
routes: [{ uri: /*, upstream: { service_name: ORDERS, discovery_type: eureka } }]
`,
  );
  const { config, problems } = loadConfig({ configFile, environment: {} });
  if (config === undefined) throw new Error(problems.map(formatProblem).join("\n"));
  let text = "";
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  logDiscovery(pino({ base: null }, { write: (chunk: string) => (text += chunk) }), ended.signal);
  const gateway = await startGateway(config, { registries: registryFactories });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  const get = (path: string): Promise<Answer> => send(gateway.addresses[0]!.port, path);
  return {
    node,
    registry,
    lines: () =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Line),
    get,
    admin: (path) => send(gateway.adminAddress!.port, path),
  };
}

const warnings = (lines: readonly Line[]): unknown[] =>
  lines.filter(({ level }) => Number(level) >= 40).map(({ msg }) => msg);

describe("a record that cannot become a node is told once and hides no other", () => {
  const wrong: readonly (readonly [string, object, string])[] = [
    ["port 0", record("bad", 0), "port"],
    ["a port out of range", record("bad", 70_000), "port"],
    ["a port that is no number", record("bad", "http"), "port"],
    ["no enabled port", record("bad", 80, { port: { $: 80, "@enabled": "false" } }), "port"],
    ["an address that is no text", record("bad", 80, { ipAddr: { a: 1 } }), "ipAddr"],
  ];
  test.each(wrong)("%s", async (_what, bad, field) => {
    const { lines, get, admin } = await started((node) => records(bad, record("good", node.port)));
    expect((await get("/x")).json()).toMatchObject({ name: "good" });
    expect((await get("/x")).json()).toMatchObject({ name: "good" });
    await until(() => warnings(lines()).length > 0, "the warning");
    expect(warnings(lines())).toEqual([expect.stringContaining(field)]);
    expect(lines().find(({ level }) => Number(level) >= 40)).toMatchObject({
      registry: "eureka",
      service: "ORDERS",
      record: "bad",
      code: "RECORD",
    });
    expect((await admin("/v1/status")).json()).toMatchObject({ services: [{ rejected: 1 }] });
  });
});

describe("an answer that is no registry is told, and takes no node away", () => {
  const body = JSON.stringify({ applications: { apps__hashcode: "", application: [] } });
  const wrong: readonly (readonly [string, FakeRegistry["answer"], string])[] = [
    [
      "truncated",
      (response) => {
        response.writeHead(200, { "content-length": body.length + 10 });
        response.write(body, () => response.destroy());
      },
      "the connection broke",
    ],
    [
      "cut short",
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(body.slice(0, -5));
      },
      "not valid JSON",
    ],
    [
      "endless",
      (response) => {
        const chunk = Buffer.alloc(1_048_576, " ");
        response.writeHead(200, { "content-type": "application/json" });
        const more = (): void => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on("drain", more);
        more();
      },
      "larger than",
    ],
    [
      "another page",
      (response) => {
        response.writeHead(200, { "content-type": "text/html" });
        response.end("<html>Welcome</html>");
      },
      "text/html",
    ],
    ["an error", (response) => void response.writeHead(500).end("oops"), "500"],
  ];
  test.each(wrong)("%s", async (_what, answer, message) => {
    const { registry, lines, get, admin } = await started();
    expect((await get("/x")).status).toBe(200);
    registry.answer = answer;
    await until(() => warnings(lines()).length > 0, "the warning");
    expect(warnings(lines())).toEqual([expect.stringContaining(message)]);
    expect((await get("/x")).json()).toMatchObject({ name: "good" });
    expect((await admin("/v1/status")).json()).toMatchObject({ services: [{ state: "stale" }] });
    expect((await admin("/readyz")).status).toBe(200);
    registry.answer = records(record("good", 1));
    await until(async () => (await get("/x")).status === 502, "the registry's new word");
  });
});
