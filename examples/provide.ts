// Serves HTTP on a free port and keeps it registered until Ctrl-C.
//
//     node examples/provide.ts http://127.0.0.1:8761/eureka/ USER-SERVICE
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { eurekaRegistry } from "@rollcall/eureka";

const [server = "http://127.0.0.1:8761/eureka/", service = "USER-SERVICE"] = process.argv.slice(2);

const http = createServer((_request, response) => response.end(`hello from ${process.pid}\n`));
await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
const { port } = http.address() as AddressInfo;

const registry = eurekaRegistry({ servers: [server] });
const registration = await registry.register({ service, host: "127.0.0.1", port });
console.log(`${service} is registered as ${registration.node.id}`);

async function leave(): Promise<void> {
  await registration.deregister({ drainMs: 1_000 });
  await registry[Symbol.asyncDispose]();
  http.close();
}
process.once("SIGINT", () => void leave());
