import { type BalancerOptions, createBalancer, type HashSpec } from "@rollcall/balancer";
import { DiscoveryError } from "@rollcall/core";

import { resolveActiveChecks } from "./active-checks.ts";
import { balancerOptions } from "./balancing.ts";
import type { Path } from "./document.ts";
import { fixedNodes } from "./fixed-nodes.ts";
import type { NodeSource, UpstreamConfig } from "./gateway-config.ts";
import { resolveNodeTls } from "./node-tls.ts";
import type { PlacedUpstream } from "./placed-upstream.ts";
import { serviceNameProblem } from "./registries/service-name.ts";
import type { Resolution } from "./resolution.ts";
import { resolveScope } from "./scope-resolution.ts";
import { suggest } from "./suggestion.ts";
import type { TimeoutInput } from "./upstream-schema.ts";
import { showPath } from "./show-path.ts";

/** APISIX's default for connect, send and read. */
const defaultTimeouts = { connectMs: 60_000, sendMs: 60_000, readMs: 60_000 };

/** Follows the references of one upstream and fills in its defaults. */
export function resolveUpstream(
  placed: PlacedUpstream,
  resolution: Resolution,
): UpstreamConfig | undefined {
  const { input, document, path, key } = placed;
  const secure = input.scheme === "https";
  const source = nodeSource(placed, secure, resolution);
  const host = hostRule(placed, resolution);
  const named = document.at([...path, "service_name"]) !== undefined;
  for (const name of ["discovery_type", "discovery_args"] as const) {
    if (input[name] === undefined || named) continue;
    const place = [...path, name];
    const message = `${showPath(place)} needs a service_name beside it`;
    resolution.problems.push(document.problem(place, message));
  }
  if (source === undefined || host === undefined) return undefined;
  return {
    key,
    source,
    type: input.type ?? "roundrobin",
    balancing: balancing(placed, resolution),
    checks: activeChecks(placed, host, resolution),
    hash: hashSpec(placed, resolution),
    secure,
    tls: nodeTls(placed, source, resolution),
    host,
    timeouts: resolveTimeouts(input.timeout),
    retries: input.retries,
    retryTimeoutMs: (input.retry_timeout ?? 0) * 1000,
  };
}

function nodeTls(
  { input, document, path }: PlacedUpstream,
  source: NodeSource,
  resolution: Resolution,
): UpstreamConfig["tls"] {
  const place = [...path, "tls"];
  // Nodes of a registry can want TLS on their own account.
  if (input.tls !== undefined && input.scheme !== "https" && source.kind === "fixed") {
    const message = `${showPath(place)} is not used: it needs scheme: https`;
    resolution.warnings.push(document.keyProblem(place, message));
  }
  return resolveNodeTls(document, place, input.tls, resolution.nodeTls, resolution);
}

function balancing(
  { input, document, path }: PlacedUpstream,
  { problems, warnings }: Resolution,
): BalancerOptions {
  const options = balancerOptions(input, (at, message) => {
    warnings.push(document.keyProblem([...path, ...at], `${showPath(path)}.${message}`));
  });
  try {
    // Its own checks see what one key cannot say of another.
    createBalancer("roundrobin", options);
  } catch (error) {
    if (!(error instanceof DiscoveryError)) throw error;
    const place = [...path, "outlier_ejection"];
    problems.push(document.problem(place, `${showPath(place)}: ${error.reason}`));
  }
  return options;
}

function activeChecks(
  { input, document, path }: PlacedUpstream,
  host: UpstreamConfig["host"],
  { problems, warnings }: Resolution,
): UpstreamConfig["checks"] {
  const active = input.checks?.active;
  if (active === undefined) return undefined;
  const value = typeof host === "object" ? host.value : undefined;
  const place = (...at: Path): Path => [...path, "checks", "active", ...at];
  const checks = resolveActiveChecks(active, value, (at, message) => {
    problems.push(document.problem(place(...at), `${showPath(place(...at))} ${message}`));
  });
  if (input.scheme === "https" && checks.type === "http" && checks.port === undefined) {
    const message = `${showPath(place("type"))} is http, and the nodes speak TLS: every check will fail; use type: https`;
    warnings.push(document.problem(place(), message));
  }
  return checks;
}

/** APISIX asks for `key` unless it is the default, which makes little sense: here it is always needed. */
function hashSpec(
  { input, document, path }: PlacedUpstream,
  { problems, warnings }: Resolution,
): HashSpec | undefined {
  const isHashed = input.type === "chash";
  const written = document.at([...path, "key"]) !== undefined;
  if (isHashed && !written) {
    const place = [...path, "key"];
    const message = `${showPath(place)} is missing; chash needs what to hash by, such as key: remote_addr`;
    problems.push(document.problem([...path, "type"], message));
  }
  if (!isHashed && written) {
    const place = [...path, "key"];
    const message = `${showPath(place)} is not used: it means something to type: chash only`;
    warnings.push(document.keyProblem(place, message));
  }
  return isHashed && input.key !== undefined
    ? { hashOn: input.hash_on ?? "vars", key: input.key }
    : undefined;
}

/** Seconds, as APISIX has them, to milliseconds; what is left out is as in `otherwise`. */
export function resolveTimeouts(
  timeout: TimeoutInput | undefined,
  otherwise: UpstreamConfig["timeouts"] = defaultTimeouts,
): UpstreamConfig["timeouts"] {
  const ms = (seconds: number | undefined, other: number): number =>
    seconds === undefined ? other : Math.ceil(seconds * 1000);
  return {
    connectMs: ms(timeout?.connect, otherwise.connectMs),
    sendMs: ms(timeout?.send, otherwise.sendMs),
    readMs: ms(timeout?.read, otherwise.readMs),
  };
}

function nodeSource(
  placed: PlacedUpstream,
  secure: boolean,
  resolution: Resolution,
): NodeSource | undefined {
  const { input, document, path } = placed;
  if (input.service_name === undefined) {
    if (input.nodes !== undefined) return fixedNodes(placed, secure, resolution);
    const keys = ["service_name", "discovery_type", "nodes"];
    if (keys.every((key) => document.at([...path, key]) === undefined)) {
      const message = `${showPath(path)} needs a service_name or nodes`;
      resolution.problems.push(document.problem(path, message));
    }
    return undefined;
  }
  if (input.nodes !== undefined) {
    const place = [...path, "nodes"];
    const message = `${showPath(place)} is not used: the registry's nodes of service_name ${JSON.stringify(input.service_name)} replace it`;
    resolution.warnings.push(document.keyProblem(place, message));
    // Wrong nodes are wrong all the same.
    fixedNodes(placed, secure, resolution);
  }
  const registry = registryName(placed, resolution);
  if (registry === undefined) return undefined;
  checkServiceName(placed, input.service_name, registry, resolution);
  const scope = resolveScope(placed, registry, resolution);
  return {
    kind: "service",
    registry,
    service: input.service_name,
    ...(scope === undefined ? {} : { scope }),
  };
}

/** A name that the registry cannot hold would be waited for in vain. */
function checkServiceName(
  { document, path }: PlacedUpstream,
  name: string,
  registry: string,
  { registryTypes, problems }: Resolution,
): void {
  const type = registryTypes.get(registry);
  const bound = type && serviceNameProblem(type, name);
  if (bound === undefined) return;
  const place = [...path, "service_name"];
  const message = `${showPath(place)} ${bound} for ${type}, got ${JSON.stringify(name.slice(0, 80))}`;
  problems.push(document.problem(place, message));
}

function registryName(placed: PlacedUpstream, resolution: Resolution): string | undefined {
  const { input, document, path } = placed;
  const { registryNames } = resolution;
  const place = [...path, "discovery_type"];
  if (input.discovery_type === undefined) {
    if (document.at(place) !== undefined) return undefined;
    if (registryNames.length === 1) return registryNames[0];
    const fix =
      registryNames.length === 0
        ? "no registry is configured; add one under discovery:"
        : `say which registry is meant: ${registryNames.join(", ")}`;
    const message = `${showPath(place)} is missing; ${fix}`;
    resolution.problems.push(document.problem(path, message));
    return undefined;
  }
  if (registryNames.includes(input.discovery_type)) return input.discovery_type;
  const meant = suggest(input.discovery_type, registryNames);
  const fix =
    meant !== undefined
      ? `did you mean "${meant}"?`
      : registryNames.length === 0
        ? "no registry is configured; add it under discovery:"
        : `configured: ${registryNames.join(", ")}`;
  const message = `${showPath(place)} ${JSON.stringify(input.discovery_type)} is not configured under discovery; ${fix}`;
  resolution.problems.push(document.problem(place, message));
  return undefined;
}

function hostRule(
  { input, document, path }: PlacedUpstream,
  resolution: Resolution,
): UpstreamConfig["host"] | undefined {
  const rewrites = input.pass_host === "rewrite";
  if (rewrites && input.upstream_host === undefined) {
    if (document.at([...path, "upstream_host"]) !== undefined) return undefined;
    const message = `${showPath([...path, "upstream_host"])} is missing; pass_host: rewrite needs it`;
    resolution.problems.push(document.problem([...path, "pass_host"], message));
    return undefined;
  }
  if (!rewrites && input.upstream_host !== undefined) {
    const place = [...path, "upstream_host"];
    const message = `${showPath(place)} is not used: it needs pass_host: rewrite`;
    resolution.warnings.push(document.keyProblem(place, message));
  }
  if (rewrites) return { value: input.upstream_host! };
  return input.pass_host === "node" ? "node" : "pass";
}
