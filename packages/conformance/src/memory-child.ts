import { memoryRegistry, type Registry } from "@rollcall/core";

/** Makes the registry of a child process; its store is its own. */
export function memoryForChild(): Registry {
  return memoryRegistry({ ttlMs: 1_000 });
}
