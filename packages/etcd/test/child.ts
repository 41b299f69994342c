import type { Registry } from "@rollcall/core";

import { etcdRegistry, type EtcdOptions } from "../src/index.ts";

/** Makes the registry of a child process, from the bed's options. */
export function registryFor(link: unknown): Registry {
  return etcdRegistry(link as EtcdOptions);
}
