import type { Registry } from "@rollcall/core";

import type { RegistryConfig, RegistryOptions } from "./config/gateway-config.ts";

/** Makes a registry of one kind; quiet until its first call. */
export type RegistryFactory<Options> = (options: Options & { readonly name: string }) => Registry;

/** One factory per kind. */
export type RegistryFactories = {
  readonly [Type in keyof RegistryOptions]: RegistryFactory<RegistryOptions[Type]>;
};

/**
 * Makes the registry of one entry of `discovery`.
 *
 * @throws DiscoveryError `INVALID` for what only the registry's package can tell.
 */
export function makeRegistry(config: RegistryConfig, factories: RegistryFactories): Registry {
  // The type says which options there are; the compiler cannot follow that through the table.
  const make = factories[config.type] as RegistryFactory<object>;
  return make({ ...config.options, name: config.name });
}
