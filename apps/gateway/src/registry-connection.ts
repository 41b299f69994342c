import { createDiscovery, type ServiceQuery, type ServiceView } from "@rollcall/core";

import type { RegistryConfig } from "./config/gateway-config.ts";
import { makeRegistry, type RegistryFactories } from "./registry-factory.ts";

/** A registry at work: where views of its services come from. Disposing it ends all it runs. */
export interface RegistryConnection extends AsyncDisposable {
  /** What it was made from; equal configurations share one connection across reloads. */
  readonly config: RegistryConfig;
  /**
   * Opens a view; views of equal queries share one watch.
   *
   * @throws DiscoveryError `INVALID` for a name that the registry cannot mean.
   */
  service(query: ServiceQuery): ServiceView;
}

/**
 * Makes a connection; quiet until its first view.
 *
 * @param snapshotDir  Where last time's nodes are kept, unless the registry has a place of its own.
 * @throws DiscoveryError `INVALID` for what only the registry's package can tell.
 */
export type ConnectRegistry = (
  config: RegistryConfig,
  snapshotDir: string | undefined,
) => RegistryConnection;

/** Connects to the registries themselves. */
export function connectWith(factories: RegistryFactories): ConnectRegistry {
  return (config, snapshotDir) => {
    const registry = makeRegistry(config, factories);
    const discovery = createDiscovery(registry, {
      snapshotDir: config.snapshots?.directory ?? snapshotDir,
      snapshotMaxAgeMs: config.snapshots?.maxAgeMs,
    });
    return {
      config,
      service: (query) => discovery.service(query),
      async [Symbol.asyncDispose]() {
        await discovery[Symbol.asyncDispose]();
        await registry[Symbol.asyncDispose]();
      },
    };
  };
}
