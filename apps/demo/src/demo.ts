import { fileURLToPath } from "node:url";

import { type EurekaChange, startEurekaServer } from "@rollcall/eureka-server";
import { formatProblem, loadConfig, registryFactories, startGateway } from "@rollcall/gateway";

import type { DemoOptions } from "./options.ts";
import { Providers } from "./providers.ts";

const services = ["USER-SERVICE", "USER-SERVICE", "A-SERVICE", "B-SERVICE"];
const readyWithinMs = 30_000;

/**
 * Starts everything and says what to try; disposing it stops everything.
 *
 * @throws when something cannot start; nothing is left running then.
 */
export async function startDemo(options: DemoOptions): Promise<AsyncDisposable> {
  await using started = new AsyncDisposableStack();
  const story = new Story();

  const registry = started.use(
    await startEurekaServer({
      port: options.eurekaPort,
      // A killed provider is gone one lease after its last heartbeat, and not two as with a real server.
      exactLeases: true,
      onChange: (change) => story.node(change),
    }),
  );
  const providers = started.use(
    new Providers(({ service, pid }, how) =>
      console.log(`  ✗ ${service} pid ${pid} ended: ${how}`),
    ),
  );
  for (const service of services) providers.start(service, options.eurekaPort);
  // Last in, first out: the gateway stops taking requests before its nodes leave.
  const gateway = started.use(
    await startGateway(configFor(options), { registries: registryFactories }),
  );
  await untilReady(options, services.length, story);

  const [address] = gateway.addresses;
  const base = `http://${address?.host ?? "127.0.0.1"}:${address?.port ?? options.port}`;
  const victim = providers.running[0];
  console.log(`
gateway   ${base}
admin     http://127.0.0.1:${options.adminPort}   status page, /metrics, /v1/discovery/eureka/dump
registry  ${registry.url}apps

Try:
  curl ${base}/user/hello
  curl ${base}/a/test
  curl ${base}/b/test

See fail-over: kill a provider, and go on calling. Its lease ends within 3 seconds.
  kill -9 ${victim?.pid}        # one of the two nodes of USER-SERVICE
Then start another; it takes traffic without a restart.
  npm run provider -- USER-SERVICE${options.eurekaPort === 8761 ? "" : ` --eureka-port ${options.eurekaPort}`}

Ctrl-C stops everything.
`);
  return started.move();
}

function configFor(options: DemoOptions): NonNullable<ReturnType<typeof loadConfig>["config"]> {
  const { config, problems } = loadConfig({
    configFile: fileURLToPath(new URL("../demo.yaml", import.meta.url)),
    environment: {
      DEMO_PORT: String(options.port),
      DEMO_ADMIN_PORT: String(options.adminPort),
      DEMO_EUREKA_PORT: String(options.eurekaPort),
    },
  });
  if (config === undefined) {
    throw new Error(problems.map(formatProblem).join("\n"));
  }
  return config;
}

/** Waits until the gateway has seen as many live nodes as were started. */
async function untilReady(options: DemoOptions, nodes: number, story: Story): Promise<void> {
  const giveUpAtMs = performance.now() + readyWithinMs;
  const url = `http://127.0.0.1:${options.adminPort}/v1/discovery/eureka/dump`;
  for (;;) {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    const { services: seen } = (await response.json()) as {
      readonly services: Readonly<Record<string, { readonly nodes: readonly unknown[] }>>;
    };
    const count = Object.values(seen).reduce((sum, service) => sum + service.nodes.length, 0);
    if (count >= nodes && story.present >= nodes) return;
    if (performance.now() > giveUpAtMs) {
      throw new Error(`only ${count} of ${nodes} nodes appeared within ${readyWithinMs / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Tells what happens to nodes, as the registry sees it. */
class Story {
  readonly #present = new Set<string>();

  get present(): number {
    return this.#present.size;
  }

  node({ type, service, id, host, port, status }: EurekaChange): void {
    const key = `${service}/${id}`;
    const name = `${service} ${host}:${port}`;
    if (type === "registered") {
      this.#present.add(key);
      console.log(`  + ${name} appeared`);
    } else if (type === "left" || type === "expired") {
      this.#present.delete(key);
      console.log(`  − ${name} ${type === "left" ? "left" : "is gone: its heartbeats stopped"}`);
    } else if (type === "status") {
      console.log(`  · ${name} is ${status}`);
    }
  }
}
