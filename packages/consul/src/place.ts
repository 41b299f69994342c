import { DiscoveryError, type Scope } from "@rollcall/core";

import type { ResolvedOptions } from "./options.ts";

/** Where in Consul a name is meant. What is undefined is left to the server. */
export interface Place {
  readonly dc: string | undefined;
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
}

/** The keys of a scope. */
export const scopeKeys: readonly string[] = Object.freeze(["dc", "namespace", "partition"]);

/** A scope, completed by the options. */
export function placeOf(scope: Scope | undefined, options: ResolvedOptions): Place {
  return {
    dc: scope?.["dc"] ?? options.datacenter,
    namespace: scope?.["namespace"] ?? options.namespace,
    partition: scope?.["partition"] ?? options.partition,
  };
}

/** As parameters of a request. Agents write to their own datacentre only, and take none then. */
export function placeParameters(place: Place, withDatacenter: boolean): readonly string[] {
  return [
    ...(withDatacenter && place.dc !== undefined ? [`dc=${encodeURIComponent(place.dc)}`] : []),
    ...(place.namespace === undefined ? [] : [`ns=${encodeURIComponent(place.namespace)}`]),
    ...(place.partition === undefined ? [] : [`partition=${encodeURIComponent(place.partition)}`]),
  ];
}

/**
 * Refuses what Consul's HTTP server would take for another path: it resolves dots and joins slashes, also
 * when they are escaped.
 *
 * @throws {@link DiscoveryError} `INVALID`.
 */
export function checkPathName(
  field: "service" | "id",
  name: string,
  where: { readonly registry: string; readonly operation: string },
): void {
  const isClean =
    name.isWellFormed() &&
    !name.startsWith("/") &&
    !name.includes("//") &&
    !name.split("/").some((part) => part === "." || part === "..");
  if (isClean) return;
  throw new DiscoveryError({
    code: "INVALID",
    ...where,
    reason: `${field} must not begin with a slash or have an empty, . or .. part between slashes, got ${JSON.stringify(name.slice(0, 80))}`,
  });
}
