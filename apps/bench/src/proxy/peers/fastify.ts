import fastifyProxy from "@fastify/http-proxy";
import { fastify } from "fastify";

import { credentials, keepMs, nodeOrigin, place } from "./peer-server.ts";

const app = fastify({ keepAliveTimeout: keepMs, https: credentials ?? null });
await app.register(fastifyProxy, { upstream: nodeOrigin, websocket: place.websocket });
await app.listen({ host: "127.0.0.1", port: place.listenPort, backlog: 4_096 });
