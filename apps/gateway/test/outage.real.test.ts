import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Registration } from "@rollcall/core";
import { eurekaRegistry } from "@rollcall/eureka";
import { describeOwnEureka, startEureka, until } from "@rollcall/testbed";
import { onTestFinished, test } from "vitest";

import {
  formatProblem,
  type Gateway,
  loadConfig,
  registryFactories,
  startGateway,
} from "../src/index.ts";

const service = "USER-SERVICE";
/** How long the registry is away. Far more than polls, heartbeats and leases take here. */
const outageMs = 60_000;

/** A provider as an application would write it. */
async function provide(eurekaUrl: string): Promise<Registration> {
  const server = createServer((_request, response) => response.end("ok"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const registry = eurekaRegistry({
    servers: [eurekaUrl],
    lease: { renewalIntervalMs: 1_000, durationMs: 3_000 },
  });
  onTestFinished(async () => {
    await registry[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return registry.register({ service, host: "127.0.0.1", port });
}

async function gatewayOn(eurekaUrl: string): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-outage-"));
  const configFile = join(folder, "gateway.yaml");
  await writeFile(
    configFile,
    `listen: [{ host: 127.0.0.1, port: 0 }]
admin: { host: 127.0.0.1, port: 0 }
snapshot_dir: "off"
discovery: { eureka: { host: ["${new URL(eurekaUrl).origin}"], prefix: /eureka/, fetch_interval: 1 } }
routes: [{ id: user, uri: /user/*, upstream: { service_name: ${service}, type: roundrobin } }]
`,
  );
  const { config, problems } = loadConfig({ configFile });
  assert.ok(config !== undefined, problems.map(formatProblem).join("\n"));
  const gateway = await startGateway(config, { registries: registryFactories });
  onTestFinished(async () => {
    await gateway.close({ drainMs: 0 });
    await rm(folder, { recursive: true, force: true });
  });
  return gateway;
}

describeOwnEureka("a gateway on a real Eureka server", () => {
  test("no request fails while it is away for a minute and comes back empty", async () => {
    const eureka = await startEureka();
    onTestFinished(() => eureka.stop());
    const registrations = [await provide(eureka.url), await provide(eureka.url)];
    const gateway = await gatewayOn(eureka.url);
    const { host, port } = gateway.addresses[0] ?? assert.fail("no listener");
    const { port: adminPort } = gateway.adminAddress ?? assert.fail("no admin listener");
    const nodeCount = async (): Promise<number> => {
      const dump = await fetch(`http://127.0.0.1:${adminPort}/v1/discovery/eureka/dump`);
      const { services } = (await dump.json()) as {
        services: Record<string, { nodes: unknown[] }>;
      };
      return services[service]?.nodes.length ?? 0;
    };
    await until(async () => (await nodeCount()) === 2, { what: "both nodes at the gateway" });

    const statuses = new Map<number, number>();
    const stop = new AbortController();
    const load = (async () => {
      while (!stop.signal.aborted) {
        const response = await fetch(`http://${host}:${port}/user/x`);
        await response.arrayBuffer();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();

    const generations = registrations.map(({ state }) => state.generation);
    await eureka.kill();
    const backAtMs = performance.now() + outageMs;
    await until(() => performance.now() >= backAtMs, {
      what: "the outage to be over",
      deadlineMs: outageMs * 2,
      everyMs: 250,
    });
    assert.equal(await nodeCount(), 2);
    await eureka.restart();
    await until(() => registrations.every(({ state }, at) => state.generation > generations[at]!), {
      what: "both providers to register again by themselves",
      deadlineMs: 60_000,
    });
    // The registry is asked directly, so that it is not the gateway's memory that we see.
    const url = `${eureka.url}apps/${service}`;
    await until(
      async () => {
        const answer = await fetch(url, { headers: { accept: "application/json" } });
        const { application } = (await answer.json()) as { application: { instance: unknown[] } };
        return application.instance.length === 2;
      },
      { what: "both records in the registry" },
    );
    await until(async () => (await nodeCount()) === 2, { what: "both nodes at the gateway again" });
    stop.abort();
    await load;
    assert.deepEqual([...statuses.keys()], [200]);
    assert.ok((statuses.get(200) ?? 0) > 100);
  });
});
