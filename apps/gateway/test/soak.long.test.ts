import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { provide } from "@rollcall/core";
import { eurekaRegistry } from "@rollcall/eureka";
import { startEurekaServer } from "@rollcall/eureka-server";
import { onTestFinished, test } from "vitest";

import { testDirectory } from "./config-file.ts";
import { until } from "./gateway-under-test.ts";
import { runLoads, serveSoak } from "./soak/loads.ts";
import { growth, type MemorySample, readMetrics, shown, watchMemory } from "./soak/memory.ts";

/** How long the load lasts, in s. */
const lengthS = Number(process.env["ROLLCALL_SOAK_S"] ?? 600);
const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test(`${lengthS} s of all kinds of clients at once: no error, and memory stays`, async () => {
  const registry = await startEurekaServer({ port: 0 });
  onTestFinished(() => registry.close());
  for (let node = 0; node < 3; node += 1) await provider(registry.url);
  const { port, adminPort, child, log } = await gatewayProcess(registry.url);

  const stop = AbortSignal.timeout(lengthS * 1_000);
  // Enough samples for a short try, few enough not to be a load.
  const sampled = watchMemory(adminPort, Math.max(100, lengthS * 2), stop);
  const counts = await runLoads(port, stop);
  const samples: readonly MemorySample[] = await sampled;

  const { rss, heap } = growth(samples);
  const lines = [...counts].map(([name, { done, failed }]) => `${name}: ${done}, failed ${failed}`);
  process.stdout.write(`${lines.join("\n")}\nRSS ${shown(rss)}, heap ${shown(heap)}\n`);
  for (const [name, { done, faults }] of counts) {
    assert.deepEqual(faults, [], name);
    assert.ok(done > 0, `${name}: nothing was done`);
  }
  assert.ok(samples.length >= 24, `only ${samples.length} samples`);
  assert.ok(rss.after <= rss.most, `RSS ${shown(rss)}`);
  assert.ok(heap.after <= heap.most, `heap ${shown(heap)}`);

  await until(
    async () => (await readMetrics(adminPort)).get("rollcall_requests_in_flight") === 0,
    "the last request to end",
  );
  assert.doesNotMatch(log(), /"level":(?:50|60)/, "the log has errors");
  child.kill("SIGTERM");
  const [code] = await once(child, "close");
  assert.equal(code, 0);
});

/** A node that registers and keeps its registration alive. */
async function provider(registryUrl: string): Promise<void> {
  const registry = eurekaRegistry({ servers: registryUrl });
  const server = createServer(serveSoak);
  server.keepAliveTimeout = 65_000;
  const provided = await provide(server, {
    registry,
    node: { service: "SOAK", host: "127.0.0.1" },
    stopOn: [],
    propagationMs: 0,
  });
  onTestFinished(async () => {
    // Its connections are kept alive, and nobody is left to close them.
    server.closeAllConnections();
    await provided.stop();
    await registry[Symbol.asyncDispose]();
  });
}

/** The gateway as people run it, and ready. */
async function gatewayProcess(registryUrl: string): Promise<{
  readonly port: number;
  readonly adminPort: number;
  readonly child: ReturnType<typeof spawn>;
  readonly log: () => string;
}> {
  const directory = testDirectory();
  const url = new URL(registryUrl);
  writeFileSync(
    join(directory, "rollcall.yaml"),
    `listen: [{ port: 0 }]
admin: { port: 0 }
snapshot_dir: "off"
discovery: { eureka: { host: ["${url.origin}"], prefix: ${url.pathname}, fetch_interval: 5 } }
routes:
  - id: soak
    uri: /soak/*
    plugins: { proxy-rewrite: { regex_uri: ["^/soak/(.*)", "/$1"] } }
    upstream: { service_name: SOAK, type: least_conn, outlier_ejection: {} }
`,
  );
  const child = spawn(process.execPath, [main, "--config", "rollcall.yaml"], {
    cwd: directory,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let out = "";
  child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
  const listening = (): { listen: string[]; admin: string } | undefined =>
    out
      .split("\n")
      .filter((line) => line.includes('"listening"'))
      .map((line) => JSON.parse(line))[0];
  await until(() => listening() !== undefined, "the gateway to listen");
  const { listen, admin } = listening()!;
  const [port, adminPort] = [Number(new URL(listen[0]!).port), Number(new URL(admin).port)];
  await until(async () => {
    const { status } = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
    return status === 200;
  }, "the gateway to be ready");
  await until(async () => {
    const response = await fetch(`http://127.0.0.1:${adminPort}/v1/discovery/eureka/dump`);
    const { services } = (await response.json()) as { services: { SOAK?: { nodes: unknown[] } } };
    return services.SOAK?.nodes.length === 3;
  }, "three nodes");
  return { port, adminPort, child, log: () => out };
}
