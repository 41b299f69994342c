import type { Registry } from "@rollcall/core";

import type { RegistryConfig } from "./config/gateway-config.ts";

/** Makes the registry of one entry of `discovery`; quiet until its first call. */
export type RegistryFactory = (config: RegistryConfig) => Registry;

/** One factory per `type`. */
export type RegistryFactories = Readonly<Record<RegistryConfig["type"], RegistryFactory>>;
