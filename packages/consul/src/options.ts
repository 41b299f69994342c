import { defineNode, DiscoveryError } from "@rollcall/core";
import { type Clock, optionChecks, show, systemClock } from "@rollcall/core/adapter";

import {
  type ConsulRegistration,
  type ResolvedRegistration,
  resolveRegistration,
} from "./registration-options.ts";
import { parseServerAddress, type ServerAddress, ServerAddressError } from "./server-address.ts";

/** TLS towards the servers; PEM, as `node:tls` takes it. */
export interface ConsulTls {
  /** Authorities to trust instead of those of Node.js. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificate, with its chain; needs `key`. */
  readonly cert?: string | Buffer | undefined;
  /** Private key of `cert`. */
  readonly key?: string | Buffer | undefined;
  /** Name the servers' certificates must carry. Default: the host of each address. */
  readonly serverName?: string | undefined;
  /** `false` accepts any certificate. Default `true`. */
  readonly verify?: boolean | undefined;
}

/** Time limits, in ms. */
export interface ConsulTimeouts {
  /** Until a connection stands, TLS included. Default 2000; 1–3 600 000. */
  readonly connectMs?: number | undefined;
  /**
   * Longest silence while waiting for an answer (a blocking one: after its time) or for its next part.
   * Default 5000; 1–3 600 000.
   */
  readonly readMs?: number | undefined;
  /**
   * How long a query blocks while nothing changes. Consul adds up to a sixteenth, so the default stays
   * below the 60 s after which many proxies cut a silent connection. A connection that died without a
   * word is noticed `waitMs × 17/16 + connectMs + readMs` later at most. Default 55 000; 100–600 000.
   */
  readonly waitMs?: number | undefined;
}

/** A node to use where a service has none that is up. */
export interface ConsulDefaultService {
  readonly host: string;
  /** 1–65535. */
  readonly port: number;
  /** Default: {@link ConsulOptions.weight}. */
  readonly weight?: number | undefined;
}

/** Options of `consulRegistry`. */
export interface ConsulOptions {
  /** Name in routes, metrics and errors. Default `consul`. */
  readonly name?: string | undefined;
  /**
   * Addresses of agents or servers: `http://host:8500`, `https://host:8501`, `unix:///run/consul.sock`.
   * Those of one datacentre stand in for each other; those of different ones are merged. 1–64, default
   * `http://127.0.0.1:8500`: the agent of this machine.
   */
  readonly servers?: string | readonly string[] | undefined;
  /** ACL token; a function is asked before each request, so a changing one stays right. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /**
   * Where a query or registration without `scope.dc` is meant. Default: the servers' own datacentres, all
   * of them.
   */
  readonly datacenter?: string | undefined;
  /** Where one without `scope.namespace` is meant. Enterprise servers only. Default: the token's. */
  readonly namespace?: string | undefined;
  /** Where one without `scope.partition` is meant. Enterprise servers only. Default: the agent's. */
  readonly partition?: string | undefined;
  /**
   * Which server may answer: `default` the leader, `consistent` the leader once a majority has confirmed
   * it, `stale` any server, also without a leader. Default `default`.
   */
  readonly consistency?: "default" | "consistent" | "stale" | undefined;
  /**
   * With `stale`: an answer of a server that heard from its leader longer ago than this is asked again of
   * the leader. Default 10 000 ms; 0–86 400 000.
   */
  readonly maxStaleMs?: number | undefined;
  /**
   * Watches through the agent's cache, which it keeps up to date itself; `read` never does. Not with
   * `consistent`. Default `false`.
   */
  readonly cached?: boolean | undefined;
  /** Only records that pass it, in Consul's filter language: `Service.Meta.version == "2"`. Default: all. */
  readonly filter?: string | undefined;
  /** Whether a node with a check in the state `warning` is `up`, with its weight for that. Default `false`: `down`. */
  readonly acceptWarning?: boolean | undefined;
  /**
   * The weight of a node whose weight in Consul is 1, which is Consul's default; others are in proportion.
   * Also that of registered nodes which give none. Default 1.
   */
  readonly weight?: number | undefined;
  /** Blocking queries; `false` asks every `intervalMs` instead. Default `true`. */
  readonly blocking?: boolean | undefined;
  /**
   * Time between two questions when they do not block, less up to a tenth: without `blocking`, beyond
   * `maxConnections`, and where something between us and the server does not let queries block.
   * Default 3000 ms; 10–86 400 000.
   */
  readonly intervalMs?: number | undefined;
  /** How often one service is read at most while it changes all the time. Default 10; 0.01–10 000. */
  readonly maxReadsPerSecond?: number | undefined;
  /**
   * Blocking queries at a time, each with a connection of its own; watches beyond ask every `intervalMs`.
   * An agent refuses the connections of one address from the 201st on. Default 128; 1–10 000.
   */
  readonly maxConnections?: number | undefined;
  readonly timeouts?: ConsulTimeouts | undefined;
  readonly tls?: ConsulTls | undefined;
  /** Bound of an answer. Default 64 MiB; 1 KiB–1 GiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Names that are treated as unknown; `consul` itself is never listed either. Default: none. */
  readonly skipServices?: readonly string[] | undefined;
  /**
   * The node of a service of which the servers say that it has none that is up; its id is `default`. Never
   * while they do not answer. Default: none.
   */
  readonly defaultService?: ConsulDefaultService | undefined;
  /**
   * Order of the nodes in one answer: as they come, by host, by port, or by both. Snapshots order them by
   * id whatever this says. Default `origin`.
   */
  readonly sort?: "origin" | "host_sort" | "port_sort" | "combine_sort" | undefined;
  readonly registration?: ConsulRegistration | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/** {@link ConsulDefaultService} with every default filled in. */
export interface DefaultService {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly name: string;
  readonly servers: readonly ServerAddress[];
  readonly token: string | (() => string | Promise<string>) | undefined;
  readonly datacenter: string | undefined;
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
  readonly consistency: "default" | "consistent" | "stale";
  readonly maxStaleMs: number;
  readonly cached: boolean;
  readonly filter: string | undefined;
  readonly acceptWarning: boolean;
  readonly weight: number;
  readonly blocking: boolean;
  readonly intervalMs: number;
  readonly maxReadsPerSecond: number;
  readonly maxConnections: number;
  readonly connectMs: number;
  readonly readMs: number;
  readonly waitMs: number;
  readonly tls: ConsulTls | undefined;
  readonly maxBodyBytes: number;
  readonly skipServices: ReadonlySet<string>;
  readonly defaultService: DefaultService | undefined;
  readonly sort: "origin" | "host_sort" | "port_sort" | "combine_sort";
  readonly registration: ResolvedRegistration;
  readonly random: () => number;
  readonly clock: Clock;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

const {
  callback,
  choice,
  flag,
  integer,
  invalid,
  section,
  text,
  texts,
  tls,
  weight: weightOf,
} = optionChecks("consul");

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the first bad option, its value (never a secret) and
 *   what it must be.
 */
export function resolveOptions(given: ConsulOptions): ResolvedOptions {
  const options = section("options", given, {
    name: true,
    servers: true,
    token: true,
    datacenter: true,
    namespace: true,
    partition: true,
    consistency: true,
    maxStaleMs: true,
    cached: true,
    filter: true,
    acceptWarning: true,
    weight: true,
    blocking: true,
    intervalMs: true,
    maxReadsPerSecond: true,
    maxConnections: true,
    timeouts: true,
    tls: true,
    maxBodyBytes: true,
    skipServices: true,
    defaultService: true,
    sort: true,
    registration: true,
    random: true,
    clock: true,
  });
  const timeouts = section("timeouts", options.timeouts, {
    connectMs: true,
    readMs: true,
    waitMs: true,
  });
  const weight = weightOf("weight", options.weight, 1);
  if (weight === 0) throw invalid("weight must be above 0, got 0");
  const consistency = choice("consistency", options.consistency, [
    "default",
    "consistent",
    "stale",
  ]);
  const cached = flag("cached", options.cached, false);
  if (cached && consistency === "consistent") {
    throw invalid("cached must be false with the consistency consistent");
  }
  return Object.freeze({
    name: text("name", options.name, 100) ?? "consul",
    servers: servers(options.servers ?? "http://127.0.0.1:8500"),
    token: token(options.token),
    datacenter: text("datacenter", options.datacenter, 255),
    namespace: text("namespace", options.namespace, 255),
    partition: text("partition", options.partition, 255),
    consistency,
    maxStaleMs: integer("maxStaleMs", options.maxStaleMs, [10_000, 0, dayMs]),
    cached,
    filter: text("filter", options.filter, 4_096),
    acceptWarning: flag("acceptWarning", options.acceptWarning, false),
    weight,
    blocking: flag("blocking", options.blocking, true),
    intervalMs: integer("intervalMs", options.intervalMs, [3_000, 10, dayMs]),
    maxReadsPerSecond: rate(options.maxReadsPerSecond),
    maxConnections: integer("maxConnections", options.maxConnections, [128, 1, 10_000]),
    connectMs: integer("timeouts.connectMs", timeouts.connectMs, [2_000, 1, hourMs]),
    readMs: integer("timeouts.readMs", timeouts.readMs, [5_000, 1, hourMs]),
    waitMs: integer("timeouts.waitMs", timeouts.waitMs, [55_000, 100, 600_000]),
    tls: tls(options.tls),
    maxBodyBytes: integer("maxBodyBytes", options.maxBodyBytes, [2 ** 26, 1_024, 2 ** 30]),
    skipServices: new Set(texts("skipServices", options.skipServices, [10_000, 255])),
    defaultService: defaultService(options.defaultService, weight),
    sort: choice("sort", options.sort, ["origin", "host_sort", "port_sort", "combine_sort"]),
    registration: resolveRegistration(options.registration),
    random: callback("random", options.random, Math.random),
    clock: options.clock ?? systemClock,
  });
}

function servers(value: unknown): readonly ServerAddress[] {
  const list = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(list) || list.length === 0 || list.length > 64) {
    throw invalid("servers must be 1 to 64 addresses such as http://host:8500");
  }
  const parsed = list.map((one: unknown, index) => {
    try {
      if (typeof one !== "string") throw new ServerAddressError("must be a text");
      return parseServerAddress(one);
    } catch (cause) {
      if (cause instanceof ServerAddressError) throw invalid(`servers[${index}] ${cause.message}`);
      throw cause;
    }
  });
  const twice = parsed.find(
    (server, index) => parsed.findIndex(({ url }) => url === server.url) !== index,
  );
  if (twice !== undefined) throw invalid(`servers has ${twice.url} twice; give each server once`);
  return Object.freeze(parsed);
}

function token(value: ConsulOptions["token"]): ResolvedOptions["token"] {
  if (value === undefined || typeof value === "function") return value;
  // An empty token is how Consul's own tools and APISIX write "none".
  if (value === "") return undefined;
  if (typeof value !== "string" || !/^[\x21-\x7e]{1,4096}$/.test(value)) {
    throw invalid("token must be a text without spaces that fits into a header, or a function");
  }
  return value;
}

function rate(value: unknown = 10): number {
  if (typeof value !== "number" || !(value >= 0.01) || value > 10_000) {
    throw invalid(`maxReadsPerSecond must be a number from 0.01 to 10000, got ${show(value)}`);
  }
  return value;
}

function defaultService(
  value: ConsulDefaultService | undefined,
  unit: number,
): DefaultService | undefined {
  if (value === undefined) return undefined;
  const {
    host = "",
    port = 0,
    weight = unit,
  } = section("defaultService", value, {
    host: true,
    port: true,
    weight: true,
  });
  weightOf("defaultService.weight", weight);
  try {
    defineNode({ service: "default", host, port, weight });
  } catch (cause) {
    if (!(cause instanceof DiscoveryError)) throw cause;
    throw invalid(`defaultService.${cause.reason}`);
  }
  return Object.freeze({ host, port, weight });
}
