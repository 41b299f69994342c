/**
 * One provider: an HTTP server that registers itself, heartbeats, and leaves without losing a request.
 *
 *     node apps/demo/dist/provider.js USER-SERVICE [--port 0] [--eureka-port 8761]
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";

import { provide } from "@rollcall/core";
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

// A short lease, so that a killed provider is gone within seconds and not within minutes.
const registry = eurekaRegistry({
  servers: [`http://${host}:${values["eureka-port"]}/eureka/`],
  lease: { renewalIntervalMs: 1_000, durationMs: 3_000 },
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  // The first request may come before we hear that we are registered.
  const { id, port } = (await coming).registration.node;
  const body = JSON.stringify({ service, id, port, url: request.url });
  response.writeHead(200, { "content-type": "application/json" }).end(`${body}\n`);
}

const server = createServer((request, response) => void answer(request, response));
const coming = provide(server, {
  registry,
  node: { service, host },
  listen: { port: Number(values.port) },
  // The gateway of the demo polls every second.
  propagationMs: 1_200,
  stopTimeoutMs: 5_000,
});
const provider = await coming;

// The one who started us is gone: nobody would stop us any more.
if (process.channel !== undefined) {
  process.on("disconnect", () => void provider.stop());
  process.channel.unref();
} else {
  console.log(`${service} ${provider.registration.node.id} is up; Ctrl-C stops it`);
}
await provider.stopped;
await registry[Symbol.asyncDispose]();
