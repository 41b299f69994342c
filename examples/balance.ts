// Picks a node per request, without a server: the memory registry and a weighted round robin.
//
//     node examples/balance.ts
import { roundRobin } from "@rollcall/balancer";
import { createDiscovery, memoryRegistry } from "@rollcall/core";

await using registry = memoryRegistry();
await registry.register({ service: "orders", host: "10.0.0.1", port: 8080, weight: 3 });
await registry.register({ service: "orders", host: "10.0.0.2", port: 8080, weight: 2 });
await registry.register({ service: "orders", host: "10.0.0.3", port: 8080, weight: 1 });

await using discovery = createDiscovery(registry);
using view = discovery.service("orders");
await view.ready();

const balancer = roundRobin();
for (let request = 0; request < 6; request += 1) {
  const picked = balancer.pick(view.nodes);
  console.log(picked?.node.host);
  picked?.done("ok", 1);
}
