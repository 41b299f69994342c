import { DiscoveryError, type Scope } from "@rollcall/core";

/** Where in Nacos a service is. */
export interface ServiceKey {
  /** Id of the namespace; `public` unless another was made. */
  readonly namespace: string;
  readonly group: string;
  readonly service: string;
}

/** Scope keys of queries and registrations, spelled as Apache APISIX spells its `discovery_args`. */
export const scopeKeys: readonly string[] = Object.freeze([
  "namespace_id",
  "group_name",
  "clusters",
]);

/** `GROUP@@service`: how Nacos writes both in one. */
export function groupedName({ group, service }: Pick<ServiceKey, "group" | "service">): string {
  return `${group}@@${service}`;
}

/** One string per service of a namespace. */
export function keyText({ namespace, group, service }: ServiceKey): string {
  return JSON.stringify([namespace, group, service]);
}

// What servers check themselves; found out here, it costs no round trip and blames the right name.
const namespacePattern = /^[\w-]{1,64}$/;
const groupPattern = /^[\w\-.:]{1,128}$/;
const clusterPattern = /^[\da-zA-Z-]{1,64}$/;
const servicePattern = /^(?!@)[^\s\u4e00-\u9fa5]{1,255}$/;

/** Why a name is none that a server takes; undefined when it is fine. */
export function problemOfName(
  kind: "namespace" | "group" | "cluster" | "service",
  name: unknown,
): string | undefined {
  const is = (pattern: RegExp): boolean => typeof name === "string" && pattern.test(name);
  switch (kind) {
    case "namespace":
      return is(namespacePattern) ? undefined : "must be 1 to 64 letters, digits, _ and -";
    case "group":
      return is(groupPattern) ? undefined : "must be 1 to 128 letters, digits and _ - . :";
    case "cluster":
      return is(clusterPattern) ? undefined : "must be 1 to 64 letters, digits and -";
    case "service":
      return is(servicePattern) && !String(name).includes("@@") && String(name).isWellFormed()
        ? undefined
        : "must be without spaces, Chinese characters and @@, and must not begin with @, for Nacos";
    default:
      return kind satisfies never;
  }
}

/** A scope with its defaults filled in. */
export interface Place {
  readonly namespace: string;
  readonly group: string;
  /** Names of clusters; empty means all of them. */
  readonly clusters: readonly string[];
}

/**
 * Reads a scope whose keys are known already.
 *
 * @throws {@link DiscoveryError} `INVALID`.
 */
export function placeOf(
  scope: Scope | undefined,
  defaults: Place,
  where: { readonly registry: string; readonly operation: string },
): Place {
  const { namespace_id: namespace, group_name: group, clusters } = scope ?? {};
  const place: Place = {
    namespace: namespace ?? defaults.namespace,
    group: group ?? defaults.group,
    clusters: clusters === undefined ? defaults.clusters : clusterNames(clusters),
  };
  const check = (key: string, kind: "namespace" | "group" | "cluster", name: string): void => {
    const problem = problemOfName(kind, name);
    if (problem === undefined) return;
    const reason = `scope.${key} ${problem}, got ${JSON.stringify(name.slice(0, 80))}`;
    throw new DiscoveryError({ code: "INVALID", ...where, reason });
  };
  check("namespace_id", "namespace", place.namespace);
  check("group_name", "group", place.group);
  for (const cluster of place.clusters) check("clusters", "cluster", cluster);
  return place;
}

/** `a, b` as names. */
export function clusterNames(list: string): readonly string[] {
  return list.split(",").map((name) => name.trim());
}
