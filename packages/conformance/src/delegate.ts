import type { Registry } from "@rollcall/core";

/** The methods of a registry that {@link delegate} may replace. */
export type RegistryCalls = Partial<Pick<Registry, "read" | "watch" | "register" | "services">>;

/** A registry that does what `registry` does, except for the calls given. */
export function delegate(registry: Registry, calls: RegistryCalls): Registry {
  return {
    type: registry.type,
    name: registry.name,
    identity: registry.identity,
    traits: registry.traits,
    read: (query, signal) => registry.read(query, signal),
    watch: (query, signal) => registry.watch(query, signal),
    register: (node, options) => registry.register(node, options),
    services: (options) => registry.services(options),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
    ...calls,
  };
}
