import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { ListenAddress } from "@rollcall/proxy";

import type { ListenConfig } from "../config/gateway-config.ts";
import type { AdminView } from "./admin-view.ts";
import { type AdminAnswer, answerAdmin } from "./answers.ts";

/** The admin listener at work. */
export interface AdminListener extends AsyncDisposable {
  readonly config: ListenConfig;
  readonly address: ListenAddress;
}

/**
 * Opens the admin listener: read-only, plain HTTP, without access control.
 *
 * @param view  What there is to see; asked once per request.
 */
export async function startAdmin(
  config: ListenConfig,
  view: () => Promise<AdminView>,
): Promise<AdminListener> {
  const server = createServer({ requestTimeout: 10_000, keepAliveTimeout: 5_000 });
  server.on("request", (request, response) => {
    request.resume();
    view()
      .then((seen) => answerAdmin(request.method ?? "", request.url ?? "", seen))
      .then(
        (answer) => send(request, response, answer),
        () => send(request, response, internalError),
      );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: config.host, port: config.port }, resolve);
  });
  const { address: host, port } = server.address() as AddressInfo;
  return {
    config,
    address: { host, port },
    [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

const internalError: AdminAnswer = {
  status: 500,
  type: "application/json",
  body: '{"error_msg":"500 Internal Server Error"}\n',
};

function send(request: IncomingMessage, response: ServerResponse, answer: AdminAnswer): void {
  response.writeHead(answer.status, {
    "content-type": answer.type,
    "content-length": Buffer.byteLength(answer.body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy":
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ...(answer.status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}
