import { type Clock, optionChecks, show, systemClock } from "@rollcall/core/adapter";

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

const { callback, flag, integer, invalid, section, text, tls, weight } = optionChecks("eureka");

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the first bad option, its value (never a secret) and
 *   what it must be.
 */
export function resolveOptions(given: EurekaOptions): ResolvedOptions {
  const options = section<EurekaOptions>("options", given, {
    name: true,
    servers: true,
    username: true,
    password: true,
    intervalMs: true,
    weight: true,
    timeouts: true,
    tls: true,
    maxBodyBytes: true,
    delta: true,
    fullReadEveryMs: true,
    lease: true,
    instance: true,
    regions: true,
    random: true,
    clock: true,
  });
  const name = text("name", options.name, 100) ?? "eureka";
  const timeouts: EurekaTimeouts = section("timeouts", options.timeouts, {
    connectMs: true,
    sendMs: true,
    readMs: true,
  });
  const lease: EurekaLease = section("lease", options.lease, {
    renewalIntervalMs: true,
    durationMs: true,
  });
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
  const resolved: ResolvedOptions = {
    name,
    servers: servers(options.servers),
    ...login(options),
    intervalMs: integer("intervalMs", options.intervalMs, [30_000, 10, dayMs]),
    weight: weight("weight", options.weight),
    connectMs: integer("timeouts.connectMs", timeouts.connectMs, [2_000, 1, hourMs]),
    sendMs: integer("timeouts.sendMs", timeouts.sendMs, [2_000, 1, hourMs]),
    readMs: integer("timeouts.readMs", timeouts.readMs, [5_000, 1, hourMs]),
    tls: tls(options.tls),
    maxBodyBytes: integer("maxBodyBytes", options.maxBodyBytes, [2 ** 26, 1_024, 2 ** 30]),
    delta: flag("delta", options.delta, true),
    fullReadEveryMs: integer("fullReadEveryMs", options.fullReadEveryMs, [900_000, 10, dayMs]),
    renewalIntervalMs,
    durationMs,
    instance: instance(options.instance),
    regions: regions(options.regions),
    random: callback("random", options.random, Math.random),
    clock: options.clock ?? systemClock,
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

function login({ username, password }: Partial<EurekaOptions>): {
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

function instance(given: EurekaInstance | undefined): EurekaInstance {
  const value: EurekaInstance = section("instance", given, {
    hostName: true,
    vipAddress: true,
    secureVipAddress: true,
    homePageUrl: true,
    statusPageUrl: true,
    healthCheckUrl: true,
    appGroupName: true,
  });
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
