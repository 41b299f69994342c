/** What the router needs to know of a route. */
export interface RouteMatch {
  /** Exact paths, and prefixes ending in `*`. */
  readonly uris: readonly string[];
  /** Lower case, `*` and its end for wildcards; empty: any host. */
  readonly hosts: readonly string[];
  /** Empty: any method. */
  readonly methods: readonly string[];
  readonly priority: number;
}

/** Finds the route of a request. */
export interface Router<R> {
  /**
   * @param host  Value of the `Host` field, or `undefined`.
   * @param path  Normalised text form, without the query.
   */
  match(method: string, host: string | undefined, path: string): R | undefined;
}

/**
 * Builds a router with the precedence of APISIX's default router.
 *
 * A route with the exact host goes before one with a wildcard, the longer wildcard before the shorter,
 * routes without a host last. Within one host the exact path goes first, then the longest prefix.
 * `priority` (higher first, then the order of the file) decides only among equal hosts and paths. A
 * route whose methods do not fit gives way to the next candidate.
 */
export function createRouter<R extends RouteMatch>(routes: readonly R[]): Router<R> {
  const exactHosts = new Map<string, PathTable<R>>();
  const wildcards = new Map<string, PathTable<R>>();
  const anyHost = new PathTable<R>();
  for (const route of routes.toSorted((a, b) => b.priority - a.priority)) {
    if (route.hosts.length === 0) anyHost.add(route);
    for (const host of new Set(route.hosts)) {
      if (host.startsWith("*")) tableAt(wildcards, host.slice(1)).add(route);
      else tableAt(exactHosts, host).add(route);
    }
  }
  for (const table of [anyHost, ...exactHosts.values(), ...wildcards.values()]) table.seal();
  const wildcardEnds = [...wildcards].toSorted(([a], [b]) => b.length - a.length);
  const byHost = exactHosts.size > 0 || wildcardEnds.length > 0;

  return {
    match(method, hostField, path) {
      if (byHost && hostField !== undefined) {
        const host = hostName(hostField);
        const found = exactHosts.get(host)?.match(method, path);
        if (found !== undefined) return found;
        for (const [end, table] of wildcardEnds) {
          if (!host.endsWith(end)) continue;
          const candidate = table.match(method, path);
          if (candidate !== undefined) return candidate;
        }
      }
      return anyHost.match(method, path);
    },
  };
}

class PathTable<R extends RouteMatch> {
  readonly #exact = new Map<string, R[]>();
  readonly #prefixes = new Map<string, R[]>();
  /** Distinct lengths of the prefixes, longest first: one look-up each finds the longest match. */
  #lengths: readonly number[] = [];

  add(route: R): void {
    for (const uri of new Set(route.uris)) {
      const [table, key] = uri.endsWith("*")
        ? [this.#prefixes, uri.slice(0, -1)]
        : [this.#exact, uri];
      const known = table.get(key);
      if (known === undefined) table.set(key, [route]);
      else known.push(route);
    }
  }

  /** To be called once, after the last {@link add}. */
  seal(): void {
    const lengths = new Set([...this.#prefixes.keys()].map((prefix) => prefix.length));
    this.#lengths = [...lengths].toSorted((a, b) => b - a);
  }

  match(method: string, path: string): R | undefined {
    const exact = fitting(this.#exact.get(path), method);
    if (exact !== undefined) return exact;
    for (const length of this.#lengths) {
      if (length > path.length) continue;
      const found = fitting(this.#prefixes.get(path.slice(0, length)), method);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function fitting<R extends RouteMatch>(
  candidates: readonly R[] | undefined,
  method: string,
): R | undefined {
  return candidates?.find(({ methods }) => methods.length === 0 || methods.includes(method));
}

function tableAt<R extends RouteMatch>(
  tables: Map<string, PathTable<R>>,
  key: string,
): PathTable<R> {
  let table = tables.get(key);
  if (table === undefined) {
    table = new PathTable<R>();
    tables.set(key, table);
  }
  return table;
}

/** Lower case, without the port and without the root dot. */
function hostName(field: string): string {
  const port = field.startsWith("[") ? field.indexOf("]") + 1 : field.indexOf(":");
  const name = (port > 0 ? field.slice(0, port) : field).toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
