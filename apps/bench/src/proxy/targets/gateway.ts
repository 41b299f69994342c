import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { answers } from "../http-probe.ts";
import { startPinned } from "../pinned-process.ts";
import type { Place } from "../place.ts";
import type { Target } from "../target.ts";

const main = fileURLToPath(new URL("../../../../gateway/dist/main.js", import.meta.url));

/** Our gateway as shipped, with metrics and the admin listener, in front of fixed nodes. */
export const gateway: Target = {
  name: "gateway",
  start: (place) => startGateway("gateway", place, {}, fixedNodes(place)),
};

/** With one JSON line per request. */
export const gatewayLog: Target = {
  name: "gateway-log",
  loads: ["small"],
  start: (place) => startGateway("gateway-log", place, { access_log: true }, fixedNodes(place)),
};

/** With two worker processes on the one core: what their being several costs. */
export const gatewayWorkers: Target = {
  name: "gateway-workers",
  loads: ["small", "churn"],
  start: (place) => startGateway("gateway-workers", place, { workers: 2 }, fixedNodes(place)),
};

/** Starts the built gateway with a configuration file. */
export async function startGateway(
  what: string,
  place: Place,
  settings: Readonly<Record<string, unknown>>,
  upstream: Readonly<Record<string, unknown>>,
): ReturnType<Target["start"]> {
  if (!existsSync(main)) throw new Error(`${main} is missing; run "pnpm build"`);
  const { directory, cores, listenPort, tls, websocket } = place;
  const listen = {
    port: listenPort,
    ...(tls !== undefined && { tls: { cert: tls.cert, key: tls.key } }),
  };
  const config = {
    listen: [listen],
    admin: { port: 0 },
    snapshot_dir: "off",
    ...settings,
    routes: [
      {
        id: "all",
        uri: "/*",
        ...(websocket && { enable_websocket: true }),
        upstream: { type: "roundrobin", ...upstream },
      },
    ],
  };
  const configFile = join(directory, "gateway.yaml");
  // JSON is YAML too.
  writeFileSync(configFile, JSON.stringify(config, undefined, 2));
  return startPinned({
    what,
    command: process.execPath,
    args: [main, "--config", configFile],
    cores: cores.proxy,
    logFile: join(directory, "gateway.log"),
    env: { NODE_ENV: "production" },
    isReady: () => answers(`${tls === undefined ? "http" : "https"}://127.0.0.1:${listenPort}/`),
  });
}

function fixedNodes({ nodePort, tls }: Place): Readonly<Record<string, unknown>> {
  return {
    nodes: { [`127.0.0.1:${nodePort}`]: 1 },
    ...(tls !== undefined && { scheme: "https", tls: { ca: tls.ca, server_name: "localhost" } }),
  };
}
