import { defaultWeight, DiscoveryError } from "@rollcall/core";
import { type Clock, pemProblem, systemClock } from "@rollcall/core/adapter";

import { parseServerUrl, type Server, ServerUrlError } from "./server-url.ts";

/** TLS towards the servers; PEM, as `node:tls` takes it. */
export interface EurekaTls {
  /** Authorities to trust instead of those of Node.js. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificate, with its chain; needs `key`. */
  readonly cert?: string | Buffer | undefined;
  /** Private key of `cert`. */
  readonly key?: string | Buffer | undefined;
  /** Name the servers' certificates must carry. Default: the host of each URL. */
  readonly serverName?: string | undefined;
  /** `false` accepts any certificate. Default `true`. */
  readonly verify?: boolean | undefined;
}

/** Time limits of one exchange with one server, in ms. Their sum bounds the whole exchange. */
export interface EurekaTimeouts {
  /** Until the connection stands, TLS included. Default 2000; 1–3 600 000. */
  readonly connectMs?: number | undefined;
  /** Added to the whole for sending the request. Default 2000; 1–3 600 000. */
  readonly sendMs?: number | undefined;
  /** Longest silence while waiting for the answer or for its next part. Default 5000; 1–3 600 000. */
  readonly readMs?: number | undefined;
}

/** What registrations tell the server about their lease, unless a call gives its own `ttlMs`. */
export interface EurekaLease {
  /**
   * Time between heartbeats. Default 30 000 ms, or a third of `durationMs` when that is shorter;
   * 100–86 400 000, shorter than `durationMs`.
   */
  readonly renewalIntervalMs?: number | undefined;
  /**
   * How long a record outlives its last heartbeat, sent in whole seconds, rounded up. Eureka itself
   * counts it twice after the first heartbeat. Default 90 000 ms, or three renewal intervals when that is
   * longer; 300–259 200 000.
   */
  readonly durationMs?: number | undefined;
}

/** Fields of the registered records that a node does not have. */
export interface EurekaInstance {
  /** Default: the node's `hostname`, else its `host`. */
  readonly hostName?: string | undefined;
  /** What Spring's `lb://name` looks up. Default: the service's name in lower case. */
  readonly vipAddress?: string | undefined;
  /** Default: as `vipAddress`. */
  readonly secureVipAddress?: string | undefined;
  /** Default: `http(s)://host:port/`. */
  readonly homePageUrl?: string | undefined;
  /** What the server's page links to. Default: none. */
  readonly statusPageUrl?: string | undefined;
  /** Default: none. */
  readonly healthCheckUrl?: string | undefined;
  /** Default: none. */
  readonly appGroupName?: string | undefined;
}

/** Options of `eurekaRegistry`. */
export interface EurekaOptions {
  /** Name in routes, metrics and errors. Default `eureka`. */
  readonly name?: string | undefined;
  /**
   * Service URLs of one cluster with their path, such as `http://user:password@host:8761/eureka/`; one
   * text may hold several, separated by commas. 1–64.
   */
  readonly servers: string | readonly string[];
  /** For servers whose URL has no user information. */
  readonly username?: string | undefined;
  /** Beside `username`; a function is asked before each request, so a changing one stays right. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** Time from the start of one poll to the next, less up to a tenth. Default 30 000 ms; 10–86 400 000. */
  readonly intervalMs?: number | undefined;
  /** Weight of nodes whose metadata has none. Default 100. */
  readonly weight?: number | undefined;
  readonly timeouts?: EurekaTimeouts | undefined;
  readonly tls?: EurekaTls | undefined;
  /** Bound of an answer, before and after decompression. Default 64 MiB; 1 KiB–1 GiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Read changes instead of everything where the server can. Default `true`. */
  readonly delta?: boolean | undefined;
  /**
   * With `delta`: everything is read anew this often, give or take a third. Default 900 000 ms;
   * 10–86 400 000.
   */
  readonly fullReadEveryMs?: number | undefined;
  readonly lease?: EurekaLease | undefined;
  readonly instance?: EurekaInstance | undefined;
  /** Remote regions whose nodes are wanted as well. Default: none asked for. */
  readonly regions?: readonly string[] | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly name: string;
  readonly servers: readonly Server[];
  readonly username: string | undefined;
  readonly password: string | (() => string | Promise<string>) | undefined;
  readonly intervalMs: number;
  readonly weight: number;
  readonly connectMs: number;
  readonly sendMs: number;
  readonly readMs: number;
  readonly tls: EurekaTls | undefined;
  readonly maxBodyBytes: number;
  readonly delta: boolean;
  readonly fullReadEveryMs: number;
  readonly renewalIntervalMs: number;
  readonly durationMs: number;
  readonly instance: EurekaInstance;
  readonly regions: readonly string[];
  readonly random: () => number;
  readonly clock: Clock;
}

/** Bounds of a lease, in ms. */
export const minDurationMs = 300;
export const maxDurationMs = 259_200_000;
const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the first bad option, its value (never a secret) and
 *   what it must be.
 */
export function resolveOptions(given: EurekaOptions): ResolvedOptions {
  const options: unknown = given;
  if (typeof options !== "object" || options === null) throw invalid("options must be an object");
  const name = text("name", given.name, 100) ?? "eureka";
  const timeouts: EurekaTimeouts = section("timeouts", given.timeouts);
  const lease: EurekaLease = section("lease", given.lease);
  const renewalIntervalMs = integer("lease.renewalIntervalMs", lease.renewalIntervalMs, [
    Math.min(30_000, Math.floor((lease.durationMs ?? 90_000) / 3)),
    100,
    dayMs,
  ]);
  const durationMs = integer("lease.durationMs", lease.durationMs, [
    Math.max(90_000, 3 * renewalIntervalMs),
    minDurationMs,
    maxDurationMs,
  ]);
  if (renewalIntervalMs >= durationMs) {
    throw invalid(
      `lease.renewalIntervalMs must be shorter than lease.durationMs (${durationMs}), got ${renewalIntervalMs}`,
    );
  }
  const { weight = defaultWeight } = given;
  if (typeof weight !== "number" || !Number.isFinite(weight) || weight < 0) {
    throw invalid(`weight must be a finite number >= 0, got ${show(weight)}`);
  }
  const resolved: ResolvedOptions = {
    name,
    servers: servers(given.servers),
    ...login(given),
    intervalMs: integer("intervalMs", given.intervalMs, [30_000, 10, dayMs]),
    weight,
    connectMs: integer("timeouts.connectMs", timeouts.connectMs, [2_000, 1, hourMs]),
    sendMs: integer("timeouts.sendMs", timeouts.sendMs, [2_000, 1, hourMs]),
    readMs: integer("timeouts.readMs", timeouts.readMs, [5_000, 1, hourMs]),
    tls: tls(given.tls),
    maxBodyBytes: integer("maxBodyBytes", given.maxBodyBytes, [2 ** 26, 1_024, 2 ** 30]),
    delta: flag("delta", given.delta, true),
    fullReadEveryMs: integer("fullReadEveryMs", given.fullReadEveryMs, [900_000, 10, dayMs]),
    renewalIntervalMs,
    durationMs,
    instance: instance(given.instance),
    regions: regions(given.regions),
    random: random(given.random),
    clock: given.clock ?? systemClock,
  };
  return Object.freeze(resolved);
}

function servers(value: unknown): readonly Server[] {
  // A comma may be part of a password, so only one before a scheme separates.
  const list = typeof value === "string" ? value.split(/,(?=\s*https?:\/\/)/i) : value;
  if (!Array.isArray(list) || list.length === 0 || list.length > 64) {
    throw invalid("servers must be 1 to 64 URLs such as http://host:8761/eureka/");
  }
  const parsed = list.map((one: unknown, index) => {
    try {
      if (typeof one !== "string") throw new ServerUrlError("must be a string");
      return parseServerUrl(one);
    } catch (cause) {
      if (cause instanceof ServerUrlError) throw invalid(`servers[${index}] ${cause.message}`);
      throw cause;
    }
  });
  const twice = parsed.find(
    (server, index) => parsed.findIndex(({ url }) => url === server.url) !== index,
  );
  if (twice !== undefined) throw invalid(`servers has ${twice.url} twice; give each server once`);
  return Object.freeze(parsed);
}

function login({ username, password }: EurekaOptions): {
  readonly username: string | undefined;
  readonly password: ResolvedOptions["password"];
} {
  if (username === undefined && password === undefined) return { username, password };
  if (typeof username !== "string" || username === "" || username.includes(":")) {
    throw invalid(`username must be a text without a colon, got ${show(username)}`);
  }
  if (typeof password !== "string" && typeof password !== "function") {
    throw invalid("password must be given beside username, as a text or a function");
  }
  return { username, password };
}

function tls(value: EurekaTls | undefined): EurekaTls | undefined {
  if (value === undefined) return undefined;
  section("tls", value);
  const { ca, cert, key, serverName, verify } = value;
  flag("tls.verify", verify, true);
  text("tls.serverName", serverName, 253);
  const problem = pemProblem({ ca, cert, key });
  if (problem !== undefined) throw invalid(problem);
  return Object.freeze({ ...value });
}

function instance(given: EurekaInstance | undefined): EurekaInstance {
  const value: EurekaInstance = section("instance", given);
  for (const [field, one] of Object.entries(value)) text(`instance.${field}`, one, 2_048);
  return Object.freeze({ ...value });
}

function regions(value: readonly string[] = []): readonly string[] {
  if (!Array.isArray(value) || value.length > 64) {
    throw invalid("regions must be an array of at most 64 names");
  }
  for (const [index, region] of value.entries()) {
    if (typeof region !== "string" || !/^[\w.-]{1,255}$/.test(region)) {
      throw invalid(`regions[${index}] must be a region's name, got ${show(region)}`);
    }
  }
  return Object.freeze([...value]);
}

function section<T extends object>(field: string, value: T | undefined): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${field} must be an object`);
  }
  return value;
}

function random(value: (() => number) | undefined): () => number {
  if (value === undefined) return Math.random;
  if (typeof value !== "function") throw invalid("random must be a function");
  return value;
}

function text(field: string, value: unknown, maxLength: number): string | undefined {
  if (value === undefined) return undefined;
  if (
    typeof value !== "string" ||
    value.length === 0 ||
    value.length > maxLength ||
    /[\u0000-\u001f\u007f]/.test(value)
  ) {
    throw invalid(
      `${field} must be a text of 1 to ${maxLength} characters without control characters, got ${show(value)}`,
    );
  }
  return value;
}

function integer(
  field: string,
  value: unknown,
  [fallback, min, max]: readonly [number, number, number],
): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(`${field} must be a whole number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

function flag(field: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean")
    throw invalid(`${field} must be true or false, got ${show(value)}`);
  return value;
}

/** A value as an error shows it: short, and whatever it is. */
export function show(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 80);
  } catch {
    return typeof value;
  }
}

function invalid(reason: string): DiscoveryError {
  return new DiscoveryError({
    code: "INVALID",
    registry: "eureka",
    operation: "read options",
    reason,
  });
}
