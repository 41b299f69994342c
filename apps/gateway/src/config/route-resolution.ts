import type { Rewrite } from "../routing/rewrite.ts";
import { compilePattern, type RewritePattern } from "../routing/rewrite.ts";
import type { ConfigDocument, Path } from "./document.ts";
import type { RouteConfig, UpstreamConfig } from "./gateway-config.ts";
import { isWritten, type Item, type Resolution } from "./resolution.ts";
import type { RewriteInput, RouteInput, ServiceInput } from "./route-schema.ts";
import { suggest } from "./suggestion.ts";
import { resolveTimeouts, resolveUpstream } from "./upstream-resolution.ts";
import { showPath } from "./show-path.ts";

/**
 * Merges a route with its service, as APISIX does, and follows its references.
 *
 * @returns `undefined` when there is a problem, or when the route is switched off.
 */
export function resolveRoute(
  item: Item<RouteInput>,
  resolution: Resolution,
): RouteConfig | undefined {
  const { input, document, path, id } = item;
  const service = reference(item, "service_id", resolution.services, resolution);
  const uris = onePlural(item, "uri", "uris", resolution) ?? [];
  const hosts = onePlural(item, "host", "hosts", resolution) ?? service?.input.hosts ?? [];
  if (!isWritten(item, "uri") && !isWritten(item, "uris")) {
    resolution.problems.push(document.problem(path, `${showPath(path)} needs a uri or uris`));
  }
  for (const uri of uris) checkReachable(item, uri, resolution);

  const rewrite = pluginRewrite(item, service, resolution);
  const upstream = routeUpstream(item, service, resolution);
  if (rewrite === "refused" || upstream === undefined || input.status === 0) return undefined;
  return {
    id,
    uris,
    hosts: hosts.map((host) => host.toLowerCase()),
    methods: input.methods ?? [],
    priority: input.priority ?? 0,
    websocket: input.enable_websocket ?? service?.input.enable_websocket ?? false,
    rewrite: rewrite?.compiled,
    host: rewrite?.host,
    upstream: { ...upstream, timeouts: resolveTimeouts(input.timeout, upstream.timeouts) },
  };
}

/** Resolves a service's own upstream, so that its problems show also when no route uses it. */
export function checkService(item: Item<ServiceInput>, resolution: Resolution): void {
  reference(item, "upstream_id", resolution.upstreams, resolution);
  if (item.input.upstream !== undefined) serviceUpstream(item, resolution);
  compileRewrite(item.document, item.path, item.input, resolution);
}

function routeUpstream(
  item: Item<RouteInput>,
  service: Item<ServiceInput> | undefined,
  resolution: Resolution,
): UpstreamConfig | undefined {
  const { input, document, path, id } = item;
  const inline =
    input.upstream === undefined
      ? undefined
      : resolveUpstream(
          { document, path: [...path, "upstream"], input: input.upstream, key: `route:${id}` },
          resolution,
        );
  if (input.upstream_id !== undefined) {
    if (input.upstream !== undefined) {
      const place = [...path, "upstream"];
      const message = `${showPath(place)} is not used: upstream_id goes before it`;
      resolution.warnings.push(document.keyProblem(place, message));
    }
    return namedUpstream(item, resolution);
  }
  if (input.upstream !== undefined) return inline;
  if (service !== undefined) {
    if (service.input.upstream_id !== undefined) {
      return namedUpstream(service, { ...resolution, problems: [], warnings: [] });
    }
    if (service.input.upstream !== undefined) {
      return serviceUpstream(service, { ...resolution, problems: [], warnings: [] });
    }
  }
  const keys = ["upstream", "upstream_id"];
  const written = [item, ...(service === undefined ? [] : [service])].some((one) =>
    keys.some((key) => isWritten(one, key)),
  );
  if (!written && (!isWritten(item, "service_id") || service !== undefined)) {
    const message = `${showPath(path)} has no upstream; add upstream, upstream_id or a service_id whose service has one`;
    resolution.problems.push(document.problem(path, message));
  }
  return undefined;
}

function namedUpstream(
  item: Item<ServiceInput>,
  resolution: Resolution,
): UpstreamConfig | undefined {
  const upstream = reference(item, "upstream_id", resolution.upstreams, resolution);
  if (upstream === undefined) return undefined;
  // Its own problems are reported once, where it stands.
  return resolveUpstream(
    { ...upstream, key: `upstream:${upstream.id}` },
    { ...resolution, problems: [], warnings: [] },
  );
}

function serviceUpstream(
  { document, path, input, id }: Item<ServiceInput>,
  resolution: Resolution,
): UpstreamConfig | undefined {
  return resolveUpstream(
    { document, path: [...path, "upstream"], input: input.upstream!, key: `service:${id}` },
    resolution,
  );
}

function reference<T>(
  { document, path, input }: Item<RouteInput>,
  key: "service_id" | "upstream_id",
  among: ReadonlyMap<string, Item<T>>,
  resolution: Resolution,
): Item<T> | undefined {
  const id = input[key];
  if (id === undefined) return undefined;
  const found = among.get(String(id));
  if (found === undefined) {
    const place = [...path, key];
    const list = key === "service_id" ? "services" : "upstreams";
    const meant = suggest(String(id), [...among.keys()]);
    const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
    const message = `${showPath(place)}: there is no ${JSON.stringify(String(id))} in ${list}${hint}`;
    resolution.problems.push(document.problem(place, message));
  }
  return found;
}

function onePlural(
  { document, path, input }: Item<RouteInput>,
  one: "uri" | "host",
  many: "uris" | "hosts",
  resolution: Resolution,
): readonly string[] | undefined {
  const single = input[one];
  const several = input[many];
  if (single !== undefined && several !== undefined) {
    const message = `${showPath(path)} has both ${one} and ${many}; keep one of them`;
    resolution.problems.push(document.problem([...path, many], message));
  }
  return several ?? (single === undefined ? undefined : [single]);
}

function checkReachable(
  { document, path, input }: Item<RouteInput>,
  uri: string,
  resolution: Resolution,
): void {
  const place =
    input.uri === undefined ? [...path, "uris", input.uris!.indexOf(uri)] : [...path, "uri"];
  const odd = /[?#]|%[0-9A-Fa-f]{2}/.exec(uri)?.[0];
  if (odd !== undefined) {
    const message = `${showPath(place)} holds ${odd}, but routes see the decoded path, without the query`;
    resolution.warnings.push(document.problem(place, message));
  }
  if (!/\/\/|\/\.{1,2}(?:\/|$)/.test(uri)) return;
  const message = `${showPath(place)} can never match, because paths are normalised first: write it without "//", "/./" and "/../"`;
  resolution.problems.push(document.problem(place, message));
}

interface ResolvedRewrite {
  readonly compiled: Rewrite | undefined;
  readonly host: string | undefined;
}

function pluginRewrite(
  item: Item<RouteInput>,
  service: Item<ServiceInput> | undefined,
  resolution: Resolution,
): ResolvedRewrite | undefined | "refused" {
  if (item.input.plugins?.["proxy-rewrite"] !== undefined || service === undefined) {
    return compileRewrite(item.document, item.path, item.input, resolution);
  }
  return compileRewrite(service.document, service.path, service.input, {
    ...resolution,
    problems: [],
    warnings: [],
  });
}

function compileRewrite(
  document: ConfigDocument,
  owner: Path,
  input: ServiceInput,
  resolution: Resolution,
): ResolvedRewrite | undefined | "refused" {
  const rewrite = input.plugins?.["proxy-rewrite"];
  if (rewrite === undefined) return undefined;
  const path = [...owner, "plugins", "proxy-rewrite"];
  const { uri, regex_uri: pairs, host } = rewrite;
  const keys = ["uri", "regex_uri", "host"];
  if (keys.every((key) => document.at([...path, key]) === undefined)) {
    const message = `${showPath(path)} does nothing; give it uri, regex_uri or host`;
    resolution.problems.push(document.problem(path, message));
    return "refused";
  }
  const place = [...path, "regex_uri"];
  if (uri !== undefined && pairs !== undefined) {
    const message = `${showPath(place)} is not used: uri goes before it`;
    resolution.warnings.push(document.keyProblem(place, message));
  }
  const patterns = compilePairs(document, place, rewrite, resolution);
  if (patterns === "refused") return patterns;
  const compiled = uri === undefined && pairs === undefined ? undefined : { uri, patterns };
  return { compiled, host };
}

function compilePairs(
  document: ConfigDocument,
  place: Path,
  { regex_uri: pairs }: RewriteInput,
  resolution: Resolution,
): readonly RewritePattern[] | "refused" {
  if (pairs === undefined) return [];
  if (pairs.length === 0 || pairs.length % 2 !== 0) {
    const message = `${showPath(place)} must hold an even number of texts (pattern, replacement), got ${pairs.length}`;
    resolution.problems.push(document.problem(place, message));
    return "refused";
  }
  const patterns: RewritePattern[] = [];
  let good = true;
  for (let index = 0; index < pairs.length; index += 2) {
    try {
      patterns.push(compilePattern(pairs[index]!, pairs[index + 1]!));
    } catch (error) {
      good = false;
      const at = [...place, index];
      const reason = error instanceof Error ? error.message.split("\n", 1)[0] : "refused";
      const message = `${showPath(at)} is not a regular expression that can be used: ${reason}`;
      resolution.problems.push(document.problem(at, message));
    }
  }
  return good ? patterns : "refused";
}
