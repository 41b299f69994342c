// Serves HTTP on a free port and keeps it registered until Ctrl-C; then leaves without losing a request.
//
//     node examples/provide.ts http://127.0.0.1:8761/eureka/ USER-SERVICE
import { createServer } from "node:http";

import { provide } from "@rollcall/core";
import { eurekaRegistry } from "@rollcall/eureka";

const [url = "http://127.0.0.1:8761/eureka/", service = "USER-SERVICE"] = process.argv.slice(2);

const server = createServer((_request, response) => response.end(`hello from ${process.pid}\n`));
await using registry = eurekaRegistry({ servers: [url] });
const provider = await provide(server, {
  registry,
  node: { service, host: "127.0.0.1" },
  propagationMs: 1_000,
});
console.log(`${service} is registered as ${provider.registration.node.id}`);
await provider.stopped;
