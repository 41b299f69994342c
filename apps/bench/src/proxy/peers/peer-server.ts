import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";

import type { PeerPlace } from "../node-peer.ts";

/** Where this peer listens and what it forwards to. */
export const place: PeerPlace = JSON.parse(process.argv[2] ?? "") as PeerPlace;

/** Where the node is. By name, so that its certificate is checked as by the others. */
export const nodeOrigin: string =
  place.tls === undefined
    ? `http://127.0.0.1:${place.nodePort}`
    : `https://localhost:${place.nodePort}`;

/** How long idle connections stay, in ms: longer than any turn of the others. */
export const keepMs = 600_000;

/** Certificate and key of the listener; `undefined` without TLS. */
export const credentials: { readonly cert: string; readonly key: string } | undefined =
  place.tls === undefined
    ? undefined
    : { cert: readFileSync(place.tls.cert, "utf8"), key: readFileSync(place.tls.key, "utf8") };

/** Opens Node's own server for a peer that is a request listener. */
export function serve(listener: RequestListener): Server {
  const options = { keepAliveTimeout: keepMs };
  const server =
    credentials === undefined
      ? createServer(options, listener)
      : createTlsServer({ ...options, ...credentials }, listener);
  return server.listen({ host: "127.0.0.1", port: place.listenPort, backlog: 4_096 });
}
