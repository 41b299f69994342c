import assert from "node:assert/strict";
import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { provide, type Provider, type Registry } from "@rollcall/core";
import { until } from "@rollcall/testbed";
import { onTestFinished } from "vitest";

import {
  formatProblem,
  type Gateway,
  type GatewayConfig,
  loadConfig,
  registryFactories,
  startGateway,
} from "../src/index.ts";
import { testDirectory } from "./config-file.ts";
import { type EchoNode, echoNode } from "./gateway-under-test.ts";

/** A gateway with the real adapters, on free ports; it is gone when the test is. */
export interface RealGateway {
  readonly gateway: Gateway;
  /** Sends one GET. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** Nodes of a service, as the dump lists them. */
  nodes(registry: string, service: string): Promise<readonly { readonly port: number }[]>;
  /** Sends GETs, a few at a time, until it is stopped. */
  load(path: string): Load;
  /** Reloads with other routes. */
  reroute(routes: Routes): Promise<void>;
}

/** Path to service and registry. */
export type Routes = Readonly<
  Record<
    string,
    {
      readonly service: string;
      readonly registry: string;
      /** Value of `discovery_args`, in YAML's flow style. */
      readonly args?: string | undefined;
    }
  >
>;

/** Requests that go on until they are stopped. */
export interface Load {
  /** How many answers of each status there were; `lost` for those without one. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly sent: () => number;
  stop(): Promise<void>;
}

/**
 * @param registries  Value of `discovery`, in YAML's flow style.
 */
export async function realGateway(registries: string, routes: Routes): Promise<RealGateway> {
  const configFile = join(testDirectory(), "gateway.yaml");
  const load = (wanted: Routes): GatewayConfig => {
    const lines = Object.entries(wanted).map(
      ([uri, { service, registry, args = "{}" }]) =>
        `  - { uri: ${uri}, upstream: { service_name: "${service}", discovery_type: ${registry}, discovery_args: ${args} } }\n`,
    );
    writeFileSync(
      configFile,
      `listen: [{ port: 0 }]
admin: { port: 0 }
snapshot_dir: "off"
wait_ms: 20000
discovery: ${registries}
routes:
${lines.join("")}`,
    );
    const { config, problems } = loadConfig({ configFile, environment: {} });
    assert.ok(config !== undefined, problems.map(formatProblem).join("\n"));
    return config;
  };
  const config = load(routes);
  const gateway = await startGateway(config, { registries: registryFactories });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  const base = `http://127.0.0.1:${gateway.addresses[0]!.port}`;
  const admin = `http://127.0.0.1:${gateway.adminAddress!.port}`;
  const get: RealGateway["get"] = async (path) => {
    const response = await fetch(base + path);
    return { status: response.status, text: await response.text() };
  };
  return {
    gateway,
    get,
    async nodes(registry, service) {
      const response = await fetch(`${admin}/v1/discovery/${registry}/dump`);
      const { services } = (await response.json()) as {
        services: Record<string, { nodes: { port: number }[] }>;
      };
      return services[service]?.nodes ?? [];
    },
    load: (path) => startLoad(() => get(path)),
    reroute: (wanted) => gateway.reload(load(wanted)),
  };
}

function startLoad(get: () => Promise<{ readonly status: number }>): Load {
  const outcomes = new Map<string, number>();
  const stopping = new AbortController();
  let sent = 0;
  const client = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const outcome = await get().then(
        ({ status }) => String(status),
        () => "lost",
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      sent += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const clients = Promise.all([client(), client()]);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await clients;
  };
  onTestFinished(stop);
  return { outcomes, sent: () => sent, stop };
}

/** A provider as an application would write it; it is gone when the test is. */
export async function provider(
  registry: Registry,
  service: string,
  propagationMs?: number,
): Promise<Provider> {
  const server = createServer((_request, response) => response.end("ok"));
  const provided = await provide(server, {
    registry,
    node: { service, host: "127.0.0.1" },
    stopOn: [],
    stopTimeoutMs: 20_000,
    propagationMs,
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    await provided.stop();
  });
  return provided;
}

/** A node that other people's tools register, named for what it answers. */
export function foreignNode(name: string): Promise<EchoNode> {
  return echoNode(name);
}

/** Waits until the load has gone on for a while: whatever was about to fail has. */
export async function goesOn(load: Load, requests = 100): Promise<void> {
  const from = load.sent();
  await until(() => load.sent() > from + requests, { what: `${requests} more requests` });
}
