import { DiscoveryError } from "./error.ts";
import type { Registry, Scope, ServiceQuery } from "./registry.ts";

// C0 controls and DEL would forge log lines and paths wherever a name is shown.
const control = /[\u0000-\u001f\u007f]/;

/**
 * Checks a query against what a registry understands and returns a frozen copy.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the field, the value and what is allowed.
 */
export function checkQuery(
  query: string | ServiceQuery,
  registry: Pick<Registry, "name" | "traits">,
): ServiceQuery {
  const given = typeof query === "string" ? { service: query } : query;
  const { service } = given;
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
export function checkScope(
  scope: Scope | undefined,
  registry: Pick<Registry, "name" | "traits">,
): Scope | undefined {
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
    if (typeof value !== "string" || value.length === 0 || control.test(value)) {
      throw invalid(registry, "query", `scope.${key} must be a non-empty string`);
    }
  }
  return Object.freeze(Object.fromEntries(entries));
}

/** One string per distinct query, for maps and file names. */
export function queryKey(query: ServiceQuery): string {
  return JSON.stringify([query.service, ...sortedEntries(query.scope)]);
}

function invalid(
  registry: Pick<Registry, "name">,
  operation: string,
  reason: string,
): DiscoveryError {
  return new DiscoveryError({ code: "INVALID", registry: registry.name, operation, reason });
}

function sortedEntries(scope: Scope | undefined): [string, string][] {
  return Object.entries(scope ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
