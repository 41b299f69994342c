import { fileURLToPath } from "node:url";

import { nodePeer } from "../node-peer.ts";
import type { Target } from "../target.ts";

const file = fileURLToPath(new URL("../peers/engine.ts", import.meta.url));

/** Our engine alone, without routes, balancing and metrics: what the gateway adds is the difference. */
export const engine: Target = nodePeer("engine", file, ["shared"]);

/** The engine by documented means only, as where its one undocumented step fails. */
export const enginePublic: Target = nodePeer("engine-public", file, ["public"]);
