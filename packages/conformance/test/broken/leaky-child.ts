import { memoryRegistry, type Registry } from "@rollcall/core";

/** A registry that leaves a timer running which keeps its process alive. */
export function leakyRegistry(): Registry {
  setInterval(() => undefined, 1_000);
  return memoryRegistry();
}
