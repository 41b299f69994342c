import type { ConsulClient } from "./client.ts";
import { isRecord } from "./record.ts";
import type { ServerAddress } from "./server-address.ts";

/** What a server says about where it belongs. */
export interface ServerIdentity {
  /** Its datacentre; undefined when our rights do not let us know. */
  readonly datacenter: string | undefined;
  /** Id of the server or agent itself; undefined likewise. */
  readonly nodeId: string | undefined;
  readonly isServer: boolean;
  /** Addresses of the servers that keep the data, as they know each other. */
  readonly peers: readonly string[];
}

/** Asks a server where it belongs. */
export async function identify(
  client: ConsulClient,
  server: ServerAddress,
  signal: AbortSignal,
): Promise<ServerIdentity> {
  const get = (operation: string, path: string): ReturnType<ConsulClient["ask"]> =>
    client.ask(server, { operation, method: "GET", path }, signal);
  // Open to everyone, whatever the rights.
  const peers = await get("list peers", "status/peers");
  const self = await get("look at the agent", "agent/self");
  const config = isRecord(self.json) && isRecord(self.json["Config"]) ? self.json["Config"] : {};
  return {
    datacenter: textOf(config["Datacenter"]) ?? datacenterOf(await get("list servers", servers)),
    nodeId: textOf(config["NodeID"]),
    isServer: config["Server"] === true,
    peers: Array.isArray(peers.json) ? peers.json.filter((one) => typeof one === "string") : [],
  };
}

/**
 * Whether two servers answer from the same data: they are of one datacentre and share a peer.
 *
 * Names and addresses alone do not tell: two agents for development are both `dc1` and both have
 * `127.0.0.1:8300` for their only peer, but two servers cannot be one.
 */
export function isSameCluster(a: ServerIdentity, b: ServerIdentity): boolean {
  if (a.datacenter !== b.datacenter && a.datacenter !== undefined && b.datacenter !== undefined) {
    return false;
  }
  if (a.nodeId !== undefined && a.nodeId === b.nodeId) return true;
  const areAlone = a.isServer && b.isServer && a.peers.length === 1 && b.peers.length === 1;
  return !areAlone && a.peers.some((peer) => b.peers.includes(peer));
}

/** Whether a server that does not answer is one of the peers that another one names. */
export function isPeer({ origin }: ServerAddress, { peers }: ServerIdentity): boolean {
  const { hostname } = new URL(origin);
  // The same everywhere, so it tells nothing.
  if (hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.")) return false;
  return peers.some((peer) => peer.slice(0, peer.lastIndexOf(":")) === hostname);
}

const servers = "catalog/service/consul";

function datacenterOf({ json }: { readonly json: unknown }): string | undefined {
  const first: unknown = Array.isArray(json) ? json[0] : undefined;
  return isRecord(first) ? textOf(first["Datacenter"]) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
