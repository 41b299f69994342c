import { type Clock, optionChecks, show, systemClock } from "@rollcall/core/adapter";

import { clusterNames, type Place, problemOfName } from "./names.ts";
import { contextPath, parseServerUrl, type Server, ServerUrlError } from "./server-url.ts";

/** TLS towards the servers, HTTP and gRPC alike; PEM, as `node:tls` takes it. */
export interface NacosTls {
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
export interface NacosTimeouts {
  /** Until the connection stands, TLS included. Default 2000; 1–3 600 000. */
  readonly connectMs?: number | undefined;
  /** Added to the whole for sending the request. Default 2000; 1–3 600 000. */
  readonly sendMs?: number | undefined;
  /** Longest wait for the answer. Default 5000; 1–3 600 000. */
  readonly readMs?: number | undefined;
}

/**
 * How a dead connection is noticed: after `intervalMs + failures × timeoutMs` at most. Servers drop a
 * client that was silent for 20 s.
 */
export interface NacosHealthCheck {
  /** Default 5000 ms; 10–15 000. */
  readonly intervalMs?: number | undefined;
  /** Default 3000 ms; 10–60 000. */
  readonly timeoutMs?: number | undefined;
  /** Checks in a row that must fail. Default 3; 1–10. */
  readonly failures?: number | undefined;
}

/** What registrations are, unless a call says otherwise. */
export interface NacosRegistration {
  /** Cluster they belong to. Default `DEFAULT`. */
  readonly cluster?: string | undefined;
  /**
   * `false` makes persistent instances: they outlive us and the server checks their port itself. A service is
   * one or the other as a whole. Default `true`.
   */
  readonly ephemeral?: boolean | undefined;
  /** Weight of a node that is registered without one: what other Nacos clients write. Default 1; 0–10 000. */
  readonly weight?: number | undefined;
  /** How long the entry outlives its last beat over HTTP, in ms. Default 15 000; 1000–86 400 000. */
  readonly ttlMs?: number | undefined;
  /** How often the stored record is looked at, give or take a third, in ms. Default 30 000; 10–86 400 000. */
  readonly checkEveryMs?: number | undefined;
  /**
   * How many characters of metadata the server takes, keys and values together. Default 1024, as servers are
   * configured; 256–1 048 576.
   */
  readonly maxMetadataLength?: number | undefined;
}

/** Options of `nacosRegistry`. */
export interface NacosOptions {
  /** Name in routes, metrics and errors. Default `nacos`. */
  readonly name?: string | undefined;
  /** Servers of one cluster, `http://user:password@host:8848`; one text may hold several, with commas. 1–64. */
  readonly servers: string | readonly string[];
  /** Context path of servers whose URL has none. Default `/nacos`. */
  readonly prefix?: string | undefined;
  /**
   * `auto`: gRPC, and HTTP while no server can be reached over gRPC. Default `auto`.
   */
  readonly protocol?: "auto" | "grpc" | "http" | undefined;
  /** What is added to a server's port for gRPC. Default 1000; −65 535–65 535. */
  readonly grpcPortOffset?: number | undefined;
  /** With `auto` over HTTP: how often gRPC is tried again, less up to a tenth. Default 60 000 ms; 10–86 400 000. */
  readonly grpcRetryMs?: number | undefined;
  /** For servers whose URL has no user information. */
  readonly username?: string | undefined;
  /** Beside `username`; a function is asked at each log-in. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** Signs requests as Alibaba Cloud MSE wants it; beside `secretKey`. */
  readonly accessKey?: string | undefined;
  readonly secretKey?: string | undefined;
  /** Namespace id. Default `public`. */
  readonly namespaceId?: string | undefined;
  /** Default `DEFAULT_GROUP`. */
  readonly groupName?: string | undefined;
  /** Clusters whose nodes are wanted. Default: all. */
  readonly clusters?: string | readonly string[] | undefined;
  /** Weight of instances that have none. Default 100. */
  readonly weight?: number | undefined;
  /** Over HTTP: from one poll of a service to the next, less up to a tenth. Default 10 000 ms; 10–86 400 000. */
  readonly intervalMs?: number | undefined;
  /**
   * Over gRPC: a service is read anew this often beside the pushes, give or take a third. Default
   * 60 000 ms; 10–86 400 000.
   */
  readonly fullReadEveryMs?: number | undefined;
  readonly timeouts?: NacosTimeouts | undefined;
  readonly healthCheck?: NacosHealthCheck | undefined;
  readonly registration?: NacosRegistration | undefined;
  readonly tls?: NacosTls | undefined;
  /** Bound of one answer or push. Default 64 MiB; 1 KiB–1 GiB. */
  readonly maxMessageBytes?: number | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/** Options of which none is left out. */
type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly name: string;
  readonly servers: readonly Server[];
  readonly protocol: "auto" | "grpc" | "http";
  readonly grpcPortOffset: number;
  readonly grpcRetryMs: number;
  readonly username: string | undefined;
  readonly password: string | (() => string | Promise<string>) | undefined;
  readonly keys: { readonly accessKey: string; readonly secretKey: string } | undefined;
  readonly place: Place;
  readonly weight: number;
  readonly intervalMs: number;
  readonly fullReadEveryMs: number;
  readonly connectMs: number;
  readonly sendMs: number;
  readonly readMs: number;
  readonly healthCheck: Filled<NacosHealthCheck>;
  readonly registration: Filled<NacosRegistration>;
  readonly tls: NacosTls | undefined;
  readonly maxMessageBytes: number;
  readonly random: () => number;
  readonly clock: Clock;
}

/** Bounds of a lease, in ms. */
export const minTtlMs = 1_000;
export const maxTtlMs = 86_400_000;
/** Bound of a weight. */
export const maxWeight = 10_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

const { callback, choice, flag, integer, invalid, number, secret, section, text, tls, weight } =
  optionChecks("nacos");

/**
 * Checks the options and fills in the defaults.
 *
 * @throws DiscoveryError `INVALID`, naming the first bad option, its value (never a secret) and what it
 *   must be.
 */
export function resolveOptions(given: NacosOptions): ResolvedOptions {
  const options = section<NacosOptions>("options", given, {
    name: true,
    servers: true,
    prefix: true,
    protocol: true,
    grpcPortOffset: true,
    grpcRetryMs: true,
    username: true,
    password: true,
    accessKey: true,
    secretKey: true,
    namespaceId: true,
    groupName: true,
    clusters: true,
    weight: true,
    intervalMs: true,
    fullReadEveryMs: true,
    timeouts: true,
    healthCheck: true,
    registration: true,
    tls: true,
    maxMessageBytes: true,
    random: true,
    clock: true,
  });
  const timeouts: NacosTimeouts = section("timeouts", options.timeouts, {
    connectMs: true,
    sendMs: true,
    readMs: true,
  });
  const health: NacosHealthCheck = section("healthCheck", options.healthCheck, {
    intervalMs: true,
    timeoutMs: true,
    failures: true,
  });
  const resolved: ResolvedOptions = {
    name: text("name", options.name, 100) ?? "nacos",
    servers: servers(options.servers, prefix(options.prefix), options.grpcPortOffset),
    protocol: choice("protocol", options.protocol, ["auto", "grpc", "http"]),
    grpcPortOffset: integer("grpcPortOffset", options.grpcPortOffset, [1_000, -65_535, 65_535]),
    grpcRetryMs: integer("grpcRetryMs", options.grpcRetryMs, [60_000, 10, dayMs]),
    ...login(options),
    keys: keys(options),
    place: place(options),
    weight: weight("weight", options.weight),
    intervalMs: integer("intervalMs", options.intervalMs, [10_000, 10, dayMs]),
    fullReadEveryMs: integer("fullReadEveryMs", options.fullReadEveryMs, [60_000, 10, dayMs]),
    connectMs: integer("timeouts.connectMs", timeouts.connectMs, [2_000, 1, hourMs]),
    sendMs: integer("timeouts.sendMs", timeouts.sendMs, [2_000, 1, hourMs]),
    readMs: integer("timeouts.readMs", timeouts.readMs, [5_000, 1, hourMs]),
    healthCheck: Object.freeze({
      intervalMs: integer("healthCheck.intervalMs", health.intervalMs, [5_000, 10, 15_000]),
      timeoutMs: integer("healthCheck.timeoutMs", health.timeoutMs, [3_000, 10, 60_000]),
      failures: integer("healthCheck.failures", health.failures, [3, 1, 10]),
    }),
    registration: registration(options.registration),
    tls: tls(options.tls),
    maxMessageBytes: integer("maxMessageBytes", options.maxMessageBytes, [2 ** 26, 1_024, 2 ** 30]),
    random: callback("random", options.random, Math.random),
    clock: options.clock ?? systemClock,
  };
  return Object.freeze(resolved);
}

function prefix(value: unknown = "/nacos"): string {
  if (typeof value !== "string" || !/^[\w./-]{0,100}$/.test(value)) {
    throw invalid(
      `prefix must be a path of at most 100 characters such as /nacos, got ${show(value)}`,
    );
  }
  return contextPath(value === "" || value.startsWith("/") ? value : `/${value}`);
}

function servers(value: unknown, path: string, offset: number = 1_000): readonly Server[] {
  // A comma may be part of a password, so only one before a scheme separates.
  const list = typeof value === "string" ? value.split(/,(?=\s*https?:\/\/)/i) : value;
  if (!Array.isArray(list) || list.length === 0 || list.length > 64) {
    throw invalid("servers must be 1 to 64 URLs such as http://host:8848");
  }
  const parsed = list.map((one: unknown, index) => {
    try {
      if (typeof one !== "string") throw new ServerUrlError("must be a string");
      return parseServerUrl(one, path);
    } catch (cause) {
      if (cause instanceof ServerUrlError) throw invalid(`servers[${index}] ${cause.message}`);
      throw cause;
    }
  });
  for (const [index, { origin, port }] of parsed.entries()) {
    if (parsed.findIndex((one) => one.origin === origin) !== index) {
      throw invalid(`servers has ${origin} twice; give each server once`);
    }
    if (port + offset < 1 || port + offset > 65_535) {
      throw invalid(
        `grpcPortOffset must lead to a port from 1 to 65535 for ${origin}, got ${offset}`,
      );
    }
  }
  return Object.freeze(parsed);
}

function login({ username, password }: Partial<NacosOptions>): {
  readonly username: string | undefined;
  readonly password: ResolvedOptions["password"];
} {
  if (username === undefined && password === undefined) return { username, password };
  if (typeof username !== "string" || username === "") {
    throw invalid(`username must be a text beside password, got ${show(username)}`);
  }
  if (typeof password !== "string" && typeof password !== "function") {
    throw invalid("password must be given beside username, as a text or a function");
  }
  return { username, password };
}

function keys(given: Partial<NacosOptions>): ResolvedOptions["keys"] {
  const accessKey = secret("accessKey", given.accessKey);
  const secretKey = secret("secretKey", given.secretKey);
  if (accessKey === undefined && secretKey === undefined) return undefined;
  if (accessKey === undefined || secretKey === undefined) {
    throw invalid("accessKey and secretKey must be given together");
  }
  return Object.freeze({ accessKey, secretKey });
}

function place({ namespaceId, groupName, clusters }: Partial<NacosOptions>): Place {
  const list = typeof clusters === "string" ? clusterNames(clusters) : (clusters ?? []);
  if (!Array.isArray(list) || list.length > 64) {
    throw invalid("clusters must be at most 64 names");
  }
  return Object.freeze({
    namespace: named("namespaceId", "namespace", namespaceId, "public"),
    group: named("groupName", "group", groupName, "DEFAULT_GROUP"),
    clusters: Object.freeze(
      list.map((one: unknown, index) => named(`clusters[${index}]`, "cluster", one, "")),
    ),
  });
}

function named(
  field: string,
  kind: "namespace" | "group" | "cluster",
  value: unknown,
  fallback: string,
): string {
  const name = value ?? fallback;
  const problem = problemOfName(kind, name);
  if (problem === undefined && typeof name === "string") return name;
  throw invalid(`${field} ${problem}, got ${show(name)}`);
}

function registration(given: NacosRegistration | undefined): Filled<NacosRegistration> {
  const value: NacosRegistration = section("registration", given, {
    cluster: true,
    ephemeral: true,
    weight: true,
    ttlMs: true,
    checkEveryMs: true,
    maxMetadataLength: true,
  });
  const { ttlMs, checkEveryMs, maxMetadataLength } = value;
  return Object.freeze({
    cluster: named("registration.cluster", "cluster", value.cluster, "DEFAULT"),
    ephemeral: flag("registration.ephemeral", value.ephemeral, true),
    weight: number("registration.weight", value.weight, [1, 0, maxWeight]),
    ttlMs: integer("registration.ttlMs", ttlMs, [15_000, minTtlMs, maxTtlMs]),
    checkEveryMs: integer("registration.checkEveryMs", checkEveryMs, [30_000, 10, dayMs]),
    maxMetadataLength: integer("registration.maxMetadataLength", maxMetadataLength, [
      1_024,
      256,
      2 ** 20,
    ]),
  });
}
