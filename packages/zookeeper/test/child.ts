import type { Registry } from "@rollcall/core";

import { zookeeperRegistry, type ZookeeperOptions } from "../src/index.ts";

// Node.js makes the stream, a resource, when the first socket of a process is destroyed; that is no leak of ours.
void process.stderr;

/** Makes the registry of a child process, from the bed's options. */
export function registryFor(link: unknown): Registry {
  return zookeeperRegistry(link as ZookeeperOptions);
}
