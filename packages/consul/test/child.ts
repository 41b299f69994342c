import type { Registry } from "@rollcall/core";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";

/** Makes the registry of a child process, from the bed's options. */
export function registryFor(link: unknown): Registry {
  return consulRegistry(link as ConsulOptions);
}
