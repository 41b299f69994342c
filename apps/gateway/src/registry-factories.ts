import { eurekaRegistry } from "@rollcall/eureka";

import type { RegistryFactories } from "./registry-factory.ts";

/** The registries this version knows. */
export const registryFactories: RegistryFactories = {
  eureka: ({ name, servers, intervalMs, weight, timeouts, tls, username, password }) =>
    eurekaRegistry({ name, servers, intervalMs, weight, timeouts, tls, username, password }),
};
