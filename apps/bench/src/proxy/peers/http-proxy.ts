import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";

import httpProxy from "http-proxy";

import { nodeOrigin, place, serve } from "./peer-server.ts";

const agent = new (place.tls === undefined ? Agent : TlsAgent)({ keepAlive: true });
const proxy = httpProxy.createProxyServer({ target: nodeOrigin, agent, xfwd: true, secure: true });
proxy.on("error", (_error, _request, response) => {
  if ("writeHead" in response && !response.headersSent) response.writeHead(502);
  response.end();
});
const server = serve((request, response) => proxy.web(request, response));
server.on("upgrade", (request, socket, head) => proxy.ws(request, socket, head));
