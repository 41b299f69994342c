/**
 * One provider: an HTTP server that registers itself, heartbeats, and leaves politely.
 *
 *     node apps/demo/dist/provider.js USER-SERVICE [--port 0] [--eureka-port 8761]
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";

import { eurekaRegistry } from "@rollcall/eureka";

const host = "127.0.0.1";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "0" },
    "eureka-port": { type: "string", default: "8761" },
  },
});
const service = positionals[0] ?? "USER-SERVICE";

let identity: { readonly id: string; readonly port: number } = { id: "", port: 0 };

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const body = JSON.stringify({ service, ...identity, url: request.url });
  response.writeHead(200, { "content-type": "application/json" }).end(`${body}\n`);
}

const server = createServer(answer);
await new Promise<void>((resolve, reject) => {
  server.once("error", reject);
  server.listen({ host, port: Number(values.port) }, resolve);
});
const { port } = server.address() as AddressInfo;
identity = { id: `${host}:${service.toLowerCase()}:${port}`, port };

// A short lease, so that a killed provider is gone within seconds and not within minutes.
const registry = eurekaRegistry({
  servers: [`http://${host}:${values["eureka-port"]}/eureka/`],
  lease: { renewalIntervalMs: 1_000, durationMs: 3_000 },
});
const registration = await registry.register({ service, host, ...identity });

let leaving = false;
async function leave(): Promise<void> {
  if (leaving) return;
  leaving = true;
  // Leave the registry first: whoever still holds our address finds an open port.
  await registration[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  server.close();
  server.closeIdleConnections();
}

process.on("SIGTERM", () => void leave());
process.on("SIGINT", () => void leave());
// The one who started us is gone: nobody would stop us any more.
if (process.channel !== undefined) {
  process.on("disconnect", () => void leave());
  process.channel.unref();
} else {
  console.log(`${service} ${identity.id} is up; Ctrl-C stops it`);
}
