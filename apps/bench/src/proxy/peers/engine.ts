import { createProxy, type Forward, type UpstreamNode } from "@rollcall/proxy";

import type { PeerPlace } from "../node-peer.ts";

const place = JSON.parse(process.argv[2] ?? "") as PeerPlace;
// The engine leaves a listener's TLS to later; `listen` knows no certificate.
if (place.tls !== undefined) throw new Error("the engine has no TLS listener");

const node: UpstreamNode = { host: "127.0.0.1", port: place.nodePort, secure: false };
const attempt = { node, done: () => undefined };
const forward: Forward = {
  kind: "forward",
  pick: () => attempt,
  host: "pass",
  timeouts: { connectMs: 60_000, sendMs: 60_000, readMs: 60_000 },
  retries: 0,
  retryTimeoutMs: 0,
  upgrade: place.websocket,
};
const proxy = createProxy({
  route: () => forward,
  reads: place.args[0] === "public" ? "public" : "shared",
});
await proxy.listen({ host: "127.0.0.1", port: place.listenPort });
