import type { Scope } from "@rollcall/core";

import { scopeValue } from "./registries/discovery-args.ts";
import { registryKinds } from "./registries/kinds.ts";
import type { Resolution } from "./resolution.ts";
import { showPath } from "./show-path.ts";
import { suggest } from "./suggestion.ts";
import type { PlacedUpstream } from "./placed-upstream.ts";

/**
 * Where in its registry the service of an upstream is meant, by `discovery_args`. Unlike in APISIX, an argument that
 * the registry does not know is an error: it would be left out in silence.
 *
 * @returns `undefined` when nothing is said.
 */
export function resolveScope(
  { input, document, path }: PlacedUpstream,
  registry: string,
  { registryTypes, problems }: Resolution,
): Scope | undefined {
  const type = registryTypes.get(registry);
  // What kind of registry it is has been asked for already.
  if (input.discovery_args === undefined || type === undefined) return undefined;
  const rules = registryKinds[type].args;
  const known = Object.keys(rules);
  const scope: Record<string, string> = {};
  for (const [key, given] of Object.entries(input.discovery_args)) {
    const place = [...path, "discovery_args", key];
    if (!Object.hasOwn(rules, key)) {
      const meant = suggest(key, known);
      const fix =
        meant !== undefined
          ? `did you mean "${meant}"?`
          : known.length === 0
            ? `${JSON.stringify(registry)} takes none`
            : `${JSON.stringify(registry)} takes ${known.join(", ")}`;
      problems.push(document.keyProblem(place, `${showPath(place)} is not known; ${fix}`));
      continue;
    }
    const rule = rules[key]!;
    const value = scopeValue(rule, given);
    if (value === undefined) {
      problems.push(document.problem(place, `${showPath(place)} ${rule.bound}`));
    } else scope[key] = value;
  }
  return Object.keys(scope).length === 0 ? undefined : scope;
}
