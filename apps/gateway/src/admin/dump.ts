import type { GatewayState } from "../state.ts";
import { showQuery } from "../upstream/node-pool.ts";

/** What `/v1/discovery/{name}/dump` shows. */
export interface RegistryDump {
  /** As configured, secrets redacted. */
  readonly config: unknown;
  /**
   * By name as the registry spells it, with the scope behind it where a route gives one; only services that routes
   * refer to and that are known.
   */
  readonly services: Readonly<Record<string, { readonly nodes: readonly DumpedNode[] }>>;
}

/** One node of a dump. */
export interface DumpedNode {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly status: string;
  readonly secure: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The nodes a registry has told us of; `undefined` when no registry has this name. */
export function dumpRegistry(state: GatewayState, registry: string): RegistryDump | undefined {
  if (!state.registries.has(registry)) return undefined;
  const services = new Map<string, { nodes: readonly DumpedNode[] }>();
  for (const { source, view } of state.pools.values()) {
    const { snapshot } = view;
    if (source.kind !== "service" || source.registry !== registry) continue;
    if (snapshot.state === "pending") continue;
    const service = snapshot.all[0]?.service ?? source.service;
    services.set(showQuery({ ...source, service }), {
      nodes: snapshot.all.map(({ host, port, weight, status, secure, metadata }) => ({
        host,
        port,
        weight,
        status,
        secure,
        metadata,
      })),
    });
  }
  return {
    config: state.config.written.discovery[registry],
    services: Object.fromEntries(services),
  };
}
