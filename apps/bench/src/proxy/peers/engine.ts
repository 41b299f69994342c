import { readFileSync } from "node:fs";

import {
  createProxy,
  type Forward,
  type ListenTls,
  type NodeTls,
  type UpstreamNode,
} from "@rollcall/proxy";

import type { PeerPlace } from "../node-peer.ts";

const place = JSON.parse(process.argv[2] ?? "") as PeerPlace;
const files = place.tls;
const listenTls: ListenTls | undefined =
  files === undefined
    ? undefined
    : { certificates: [{ cert: readFileSync(files.cert), key: readFileSync(files.key) }] };
const nodeTls: NodeTls | undefined =
  files === undefined ? undefined : { ca: readFileSync(files.ca), serverName: "localhost" };

const secure = files !== undefined;
const node: UpstreamNode = { host: "127.0.0.1", port: place.nodePort, secure };
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
  nodeTls,
  reads: place.args[0] === "public" ? "public" : "shared",
});
await proxy.listen({ host: "127.0.0.1", port: place.listenPort, tls: listenTls });
