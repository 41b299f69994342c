import { once } from "node:events";
import { writeFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { join } from "node:path";

import { type MemoryBackend, memoryBackend, memoryRegistry, type Registry } from "@rollcall/core";
import { freePort } from "@rollcall/testbed";
import { onTestFinished } from "vitest";

import {
  type AccessLine,
  formatProblem,
  type Gateway,
  type GatewayConfig,
  loadConfig,
  type RegistryFactories,
  startGateway,
} from "../src/index.ts";
import type { NodeChange } from "../src/upstream/node-change.ts";
import { testDirectory } from "./config-file.ts";

/** A gateway in this process, on free ports, with registries in memory. */
export interface GatewayUnderTest {
  readonly gateway: Gateway;
  /** What every configured registry stands on. */
  readonly backend: MemoryBackend;
  readonly access: readonly AccessLine[];
  readonly changes: readonly NodeChange[];
  /** How often a registry was made. */
  readonly made: () => number;
  readonly config: (text: string) => GatewayConfig;
  readonly get: (target: string, options?: RequestOptions) => Promise<Answer>;
  readonly admin: (path: string, method?: string) => Promise<Answer>;
}

/** What {@link GatewayUnderTest.get} may send besides the target. */
export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever was answered
  json(): any;
}

/** Every text starts with this: free ports, an admin listener, one registry named `eureka`. */
export const head = `listen: [{ port: 0 }]
admin: { port: 0 }
snapshot_dir: off
wait_ms: 100
discovery: { eureka: { host: ["http://memory.invalid"] } }
`;

/** The same registry whatever its kind. */
export function inMemory(
  make: (options: { readonly name: string }) => Registry,
): RegistryFactories {
  return { eureka: make, etcd: make, consul: make, zookeeper: make, nacos: make };
}

/**
 * Starts a gateway; it is gone when the test is.
 *
 * @param text  Configuration after {@link head}.
 */
export async function gatewayUnderTest(
  text: string,
  backend: MemoryBackend = memoryBackend(),
): Promise<GatewayUnderTest> {
  const directory = testDirectory();
  const access: AccessLine[] = [];
  const changes: NodeChange[] = [];
  let made = 0;
  const registries = inMemory(({ name }) => {
    made += 1;
    return memoryRegistry({ name, backend });
  });
  const config = (given: string): GatewayConfig => {
    const configFile = join(directory, "gateway.yaml");
    writeFileSync(configFile, given.startsWith("listen:") ? given : head + given);
    const loaded = loadConfig({ configFile, environment: {} });
    if (loaded.config === undefined) throw new Error(loaded.problems.map(formatProblem).join("\n"));
    return loaded.config;
  };
  const gateway = await startGateway(config(text), {
    registries,
    onAccess: (line) => access.push(line),
    onNodeChange: (change) => changes.push(change),
  });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  return {
    gateway,
    backend,
    access,
    changes,
    made: () => made,
    config,
    get: (target, options) => send(gateway.addresses[0]!.port, target, options),
    admin: (path, method = "GET") => send(gateway.adminAddress!.port, path, { method }),
  };
}

/** Sends one request to a loopback port, the target byte for byte. */
export async function send(
  port: number,
  target: string,
  { method = "GET", headers = {} }: RequestOptions = {},
): Promise<Answer> {
  const sent = request({ host: "127.0.0.1", port, path: target, method, headers, agent: false });
  // What goes wrong after the head is the answer's error, and the request's once more.
  sent.on("error", () => undefined).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const text = (await response.setEncoding("utf8").toArray()).join("");
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as unknown,
  };
}

/** Whether nobody listens on a loopback port: what is still taken and cut, or answered, is not that. */
export async function isClosed(port: number): Promise<boolean> {
  return send(port, "/none").then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === "ECONNREFUSED",
  );
}

/** An upstream node that says what reached it. */
export interface EchoNode {
  readonly port: number;
  readonly server: Server;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a node that answers `{ name, url, host }`; it is gone when the test is. Nobody else is given its port, so
 * when it is stopped nobody is there.
 */
export async function echoNode(
  name: string,
  handler?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<EchoNode> {
  const server = createServer(
    handler ??
      ((incoming, response) => {
        const { url, headers, method } = incoming;
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ name, url, host: headers.host, method, headers }));
      }),
  );
  const port = await freePort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  return { port, server, stop };
}

/** Puts a node into the store behind the gateway's registries. */
export function put(
  backend: MemoryBackend,
  service: string,
  port: number,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const id = `127.0.0.1:${port}`;
  backend.put(service, id, { node: { service, id, host: "127.0.0.1", port, ...more } });
}

/** Waits for a condition; the deadline is generous because the machine may be busy. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  deadlineMs = 30_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) {
      throw new Error(`waited ${deadlineMs} ms for ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
