import { fileURLToPath } from "node:url";

import { nodePeer } from "../node-peer.ts";
import type { Target } from "../target.ts";

/** The proxies of npm, each in the few lines its README shows, connections to nodes kept. */
export const peers: readonly Target[] = [
  "fast-proxy",
  "fast-gateway",
  "fastify",
  "http-proxy-3",
  "http-proxy",
].map((name) => nodePeer(name, fileURLToPath(new URL(`../peers/${name}.ts`, import.meta.url))));
