import type { Registry } from "@rollcall/core";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";

/** Makes the registry of a child process, from the bed's options. */
export function registryFor(link: unknown): Registry {
  return eurekaRegistry(link as EurekaOptions);
}
