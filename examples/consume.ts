// Reads the live nodes of a service from a Eureka server, and tells each change.
//
//     node examples/consume.ts http://127.0.0.1:8761/eureka/ USER-SERVICE
import { createDiscovery } from "@rollcall/core";
import { eurekaRegistry } from "@rollcall/eureka";

const [server = "http://127.0.0.1:8761/eureka/", service = "USER-SERVICE"] = process.argv.slice(2);

await using registry = eurekaRegistry({ servers: [server], intervalMs: 1_000 });
await using discovery = createDiscovery(registry);
using view = discovery.service(service);

process.once("SIGINT", () => view[Symbol.dispose]());

// The newest snapshot, now and on each change; a registry that is down makes it stale, never empty.
for await (const { state, nodes, cause } of view) {
  const list = nodes.map((node) => `${node.host}:${node.port}`).join(", ") || "no node";
  console.log(`${service} ${state}: ${list}${cause === undefined ? "" : ` (${cause.message})`}`);
}
