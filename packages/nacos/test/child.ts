import type { Registry } from "@rollcall/core";

import { nacosRegistry, type NacosOptions } from "../src/index.ts";

/** Makes the registry of a child process, from the bed's options. */
export function registryFor(link: unknown): Registry {
  return nacosRegistry(link as NacosOptions);
}
