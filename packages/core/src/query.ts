import { DiscoveryError } from "./error.ts";
import type { RegistryTraits, Scope, ServiceQuery } from "./registry.ts";

// C0 controls and DEL would forge log lines and paths wherever a name is shown.
const control = /[\u0000-\u001f\u007f]/;

/** What decides which scopes a query may have: a registry, or whatever stands for one. */
export interface ScopeOwner {
  readonly name: string;
  readonly traits: Pick<RegistryTraits, "scope">;
}

/**
 * Checks a query against what a registry understands and returns a frozen copy.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the field, the value and what is allowed.
 */
export function checkQuery(query: string | ServiceQuery, registry: ScopeOwner): ServiceQuery {
  const given = typeof query === "string" ? { service: query } : query;
  // Plain JavaScript callers may hand in anything.
  const service: unknown = given?.service;
  if (typeof service !== "string" || service.length === 0 || service.length > 255) {
    throw invalid(registry, "query", "service must be a string of 1 to 255 characters");
  }
  if (control.test(service)) {
    throw invalid(registry, "query", "service must not contain control characters");
  }
  const scope = checkScope(given.scope, registry);
  return Object.freeze(scope === undefined ? { service } : { service, scope });
}

/**
 * Checks a scope against the keys a registry lists and returns a frozen copy, `undefined` when empty.
 *
 * @throws {@link DiscoveryError} `INVALID`.
 */
export function checkScope(scope: Scope | undefined, registry: ScopeOwner): Scope | undefined {
  if (scope !== undefined && (typeof scope !== "object" || scope === null)) {
    throw invalid(registry, "query", "scope must be an object of strings");
  }
  const entries = sortedEntries(scope);
  if (entries.length === 0) return undefined;
  const allowed = registry.traits.scope;
  for (const [key, value] of entries as [string, unknown][]) {
    if (!allowed.includes(key)) {
      const known = allowed.length === 0 ? "none" : allowed.join(", ");
      throw invalid(
        registry,
        "query",
        `scope key ${JSON.stringify(key)} is unknown, known: ${known}`,
      );
    }
    if (
      typeof value !== "string" ||
      value.length === 0 ||
      value.length > 255 ||
      control.test(value)
    ) {
      const bound = "must be a string of 1 to 255 characters without control characters";
      throw invalid(registry, "query", `scope.${key} ${bound}`);
    }
  }
  return Object.freeze(Object.fromEntries(entries));
}

/** One string per distinct query, for maps and file names. */
export function queryKey(query: ServiceQuery): string {
  return JSON.stringify([query.service, ...sortedEntries(query.scope)]);
}

function invalid(
  registry: Pick<ScopeOwner, "name">,
  operation: string,
  reason: string,
): DiscoveryError {
  return new DiscoveryError({ code: "INVALID", registry: registry.name, operation, reason });
}

function sortedEntries(scope: Scope | undefined): [string, string][] {
  return Object.entries(scope ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
