import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ConsulOptions, ConsulTls } from "./consul-options.ts";

/** What makes an agent one of a cluster. */
export interface ConsulMembership {
  readonly expect: number;
  readonly lanPort: number;
  /** Gossip addresses of all members. */
  readonly join: readonly string[];
}

/** Where an agent is, and who it is. */
export interface ConsulPlace {
  /** Holds its files. */
  readonly folder: string;
  /** Holds what it stores. */
  readonly data: string;
  /** Of the agent: newer ones have other names for some settings. */
  readonly version: string;
  readonly ports: {
    readonly api: number;
    readonly server: number;
    readonly lan: number;
    readonly wan: number;
  };
  /** For everything, when there is access control. */
  readonly token: string | undefined;
  readonly membership: ConsulMembership | undefined;
}

/** An agent's configuration, as its file has it; writes the certificates that it names. */
export async function agentConfig(
  options: ConsulOptions,
  place: ConsulPlace,
): Promise<Record<string, unknown>> {
  const { datacenter = "dc1", durable = false, joinWan = [], tls, settings } = options;
  const { ports, token, membership } = place;
  return {
    node_name: `consul-${ports.api}`,
    datacenter,
    bind_addr: "127.0.0.1",
    client_addr: "127.0.0.1",
    log_level: "WARN",
    ports: {
      http: tls === undefined ? ports.api : -1,
      https: tls === undefined ? -1 : ports.api,
      dns: -1,
      grpc: -1,
      ...(isSince(place, 14) && { grpc_tls: -1 }),
      server: ports.server,
      serf_lan: ports.lan,
      serf_wan: ports.wan,
    },
    // All tests of a run come from one address.
    limits: { http_max_conns_per_client: 10_000 },
    retry_join_wan: joinWan,
    retry_interval_wan: "1s",
    ...((durable || membership !== undefined) && {
      server: true,
      data_dir: place.data,
      bootstrap_expect: membership?.expect ?? 1,
      performance: { raft_multiplier: 1 },
    }),
    ...(membership && { retry_join: membership.join, retry_interval: "1s" }),
    ...(token && {
      primary_datacenter: datacenter,
      acl: {
        enabled: true,
        default_policy: "deny",
        tokens: { [isSince(place, 11) ? "initial_management" : "master"]: token, agent: token },
      },
    }),
    ...(tls && (await tlsConfig(place, tls))),
    ...settings,
  };
}

async function tlsConfig(
  place: ConsulPlace,
  { authority, clientAuth = false }: ConsulTls,
): Promise<Record<string, unknown>> {
  const { certPem, keyPem } = authority.issue("server.dc1.consul", [
    "127.0.0.1",
    "localhost",
    "server.dc1.consul",
  ]);
  const pems = { "ca.pem": authority.caPem, "cert.pem": certPem, "key.pem": keyPem };
  for (const [name, pem] of Object.entries(pems)) {
    await writeFile(join(place.folder, name), pem, { mode: 0o600 });
  }
  const files = {
    ca_file: join(place.folder, "ca.pem"),
    cert_file: join(place.folder, "cert.pem"),
    key_file: join(place.folder, "key.pem"),
  };
  return isSince(place, 12)
    ? { tls: { defaults: files, https: { verify_incoming: clientAuth } } }
    : { ...files, verify_incoming_https: clientAuth };
}

/** Whether the agent is 1.`minor` or newer. */
function isSince({ version }: ConsulPlace, minor: number): boolean {
  const [major = 0, second = 0] = version.split(".").map(Number);
  return major > 1 || (major === 1 && second >= minor);
}
