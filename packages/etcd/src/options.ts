import {
  type Clock,
  optionChecks,
  type OptionNames,
  show,
  systemClock,
} from "@rollcall/core/adapter";

import type { Codec } from "./codec.ts";
import { codecNames, type CodecName, codecOf } from "./codecs/codec-names.ts";
import { type Host, HostError, parseHost } from "./host.ts";

/** TLS towards the members; PEM, as `node:tls` takes it. */
export interface EtcdTls {
  /** Authorities to trust instead of those of Node.js. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificate, with its chain; needs `key`. */
  readonly cert?: string | Buffer | undefined;
  /** Private key of `cert`. */
  readonly key?: string | Buffer | undefined;
  /** Name the members' certificates must carry. Default: the host of each URL. */
  readonly serverName?: string | undefined;
  /** `false` accepts any certificate. Default `true`. */
  readonly verify?: boolean | undefined;
}

/** Time limits, in ms. */
export interface EtcdTimeouts {
  /** Until a connection to one member stands, TLS included. Default 2000; 1–3 600 000. */
  readonly connectMs?: number | undefined;
  /**
   * Until one member has answered one call; another member is asked after that. Default 3000; 1–3 600 000.
   */
  readonly requestMs?: number | undefined;
  /**
   * Until a dead connection is noticed: after half of it without a word a watch asks for a sign of life.
   * Default 10 000; 100–3 600 000.
   */
  readonly noticeMs?: number | undefined;
}

/** What it takes to reach a cluster. */
export interface EtcdConnectionOptions {
  /** Name in routes, metrics and errors. Default `etcd`. */
  readonly name?: string | undefined;
  /**
   * Members of one cluster: `http://host:2379`, `https://host:2379` or `host:2379`; one text may hold several,
   * separated by commas. 1–64.
   */
  readonly hosts: string | readonly string[];
  readonly username?: string | undefined;
  /** Beside `username`; a function is asked before each log-in, so a changing one stays right. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /**
   * How long the members keep an unused token (`--auth-token-ttl`): it is renewed before that, and when a
   * member does not know it. Default 300 000 ms; 1000–86 400 000.
   */
  readonly tokenTtlMs?: number | undefined;
  readonly tls?: EtcdTls | undefined;
  readonly timeouts?: EtcdTimeouts | undefined;
  /** Records asked for at a time; less where they turn out too large. Default 1000; 1–100 000. */
  readonly pageSize?: number | undefined;
  /** Bound of one answer. Default 16 MiB; 64 KiB–1 GiB. */
  readonly maxMessageBytes?: number | undefined;
  /** Bound of all records under one prefix. Default 256 MiB; 1 KiB–4 GiB. */
  readonly maxSetBytes?: number | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/** Options of `etcdRegistry`. */
export interface EtcdOptions extends EtcdConnectionOptions {
  /** Form of the records, by name or of your own. Default `rollcall`. */
  readonly codec?: CodecName | Codec | undefined;
  /** What all keys begin with; a slash is added where it is missing. Default: the codec's. */
  readonly prefix?: string | undefined;
  /**
   * How long a registration outlives its last heartbeat, in whole seconds, rounded up, unless a call gives
   * its own. Default 30 000 ms; 1000–86 400 000.
   */
  readonly ttlMs?: number | undefined;
  /** Weight of nodes whose record has none. Default 100. */
  readonly weight?: number | undefined;
}

/** Connection options with every default filled in. */
export interface ResolvedOptions {
  readonly name: string;
  readonly hosts: readonly Host[];
  readonly username: string | undefined;
  readonly password: string | (() => string | Promise<string>) | undefined;
  readonly tokenTtlMs: number;
  readonly tls: EtcdTls | undefined;
  readonly connectMs: number;
  readonly requestMs: number;
  readonly noticeMs: number;
  /** Half of `noticeMs`: until we ask, and from then until a dead connection is given up. */
  readonly silenceMs: number;
  readonly pageSize: number;
  readonly maxMessageBytes: number;
  readonly maxSetBytes: number;
  readonly random: () => number;
  readonly clock: Clock;
}

/** {@link ResolvedOptions} of a registry. */
export interface ResolvedRegistryOptions extends ResolvedOptions {
  readonly codec: Codec;
  readonly prefix: string;
  readonly ttlMs: number;
  readonly weight: number;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** Shortest and longest lease, in ms. */
export const ttlBounds: readonly [number, number] = [1_000, dayMs];

const { callback, integer, invalid, section, text, tls, weight } = optionChecks("etcd");

const connectionNames: OptionNames<EtcdConnectionOptions> = {
  name: true,
  hosts: true,
  username: true,
  password: true,
  tokenTtlMs: true,
  tls: true,
  timeouts: true,
  pageSize: true,
  maxMessageBytes: true,
  maxSetBytes: true,
  random: true,
  clock: true,
};

/**
 * Checks the options of a registry and fills in the defaults.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the first bad option, its value (never a secret) and
 *   what it must be.
 */
export function resolveRegistryOptions(given: EtcdOptions): ResolvedRegistryOptions {
  const options = section<EtcdOptions>("options", given, {
    ...connectionNames,
    codec: true,
    prefix: true,
    ttlMs: true,
    weight: true,
  });
  const connection = resolveConnection(options);
  const codec = resolveCodec(options.codec);
  return Object.freeze({
    ...connection,
    codec,
    prefix: prefix(options.prefix ?? codec.prefix),
    ttlMs: integer("ttlMs", options.ttlMs, [30_000, ...ttlBounds]),
    weight: weight("weight", options.weight),
  });
}

/**
 * Checks the options of a connection and fills in the defaults.
 *
 * @throws As {@link resolveRegistryOptions}.
 */
export function resolveOptions(given: EtcdConnectionOptions): ResolvedOptions {
  return resolveConnection(section("options", given, connectionNames));
}

function resolveConnection(given: Partial<EtcdConnectionOptions>): ResolvedOptions {
  const timeouts: EtcdTimeouts = section("timeouts", given.timeouts, {
    connectMs: true,
    requestMs: true,
    noticeMs: true,
  });
  const noticeMs = integer("timeouts.noticeMs", timeouts.noticeMs, [10_000, 100, hourMs]);
  const resolved: ResolvedOptions = {
    name: text("name", given.name, 100) ?? "etcd",
    tls: tls(given.tls),
    hosts: hosts(given.hosts, given.tls !== undefined),
    ...login(given),
    tokenTtlMs: integer("tokenTtlMs", given.tokenTtlMs, [300_000, 1_000, dayMs]),
    connectMs: integer("timeouts.connectMs", timeouts.connectMs, [2_000, 1, hourMs]),
    requestMs: integer("timeouts.requestMs", timeouts.requestMs, [3_000, 1, hourMs]),
    noticeMs,
    silenceMs: noticeMs / 2,
    pageSize: integer("pageSize", given.pageSize, [1_000, 1, 100_000]),
    maxMessageBytes: integer("maxMessageBytes", given.maxMessageBytes, [2 ** 24, 2 ** 16, 2 ** 30]),
    maxSetBytes: integer("maxSetBytes", given.maxSetBytes, [2 ** 28, 2 ** 10, 2 ** 32]),
    random: callback("random", given.random, Math.random),
    clock: given.clock ?? systemClock,
  };
  return Object.freeze(resolved);
}

/**
 * Checks a prefix and ends it with a slash, unless it is empty: without it `orders` would contain
 * `orders-archive`.
 */
function prefix(value: unknown): string {
  if (typeof value !== "string" || value.length > 1_024 || /[\u0000-\u001f\u007f]/.test(value)) {
    throw invalid(
      `prefix must be a text of at most 1024 characters without control characters, got ${show(value)}`,
    );
  }
  if (!value.isWellFormed()) throw invalid("prefix must be well-formed Unicode");
  return value === "" || value.endsWith("/") ? value : `${value}/`;
}

function resolveCodec(value: CodecName | Codec = "rollcall"): Codec {
  if (typeof value === "string") {
    const found = codecOf(value);
    if (found !== undefined) return found;
  } else if (
    typeof value === "object" &&
    value !== null &&
    typeof value.name === "string" &&
    typeof value.prefix === "string" &&
    Array.isArray(value.keeps) &&
    [value.servicePrefix, value.locate, value.decode, value.encode].every(
      (one) => typeof one === "function",
    )
  ) {
    return value;
  }
  throw invalid(
    `codec must be one of ${codecNames.join(", ")}, or an object with name, prefix, keeps, servicePrefix, locate, decode and encode, got ${show(value)}`,
  );
}

function hosts(value: unknown, secure: boolean): readonly Host[] {
  const list = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(list) || list.length === 0 || list.length > 64) {
    throw invalid("hosts must be 1 to 64 URLs such as http://127.0.0.1:2379");
  }
  const parsed = list.map((one: unknown, index) => {
    try {
      if (typeof one !== "string") throw new HostError("must be a string");
      return parseHost(one, secure);
    } catch (cause) {
      if (cause instanceof HostError) throw invalid(`hosts[${index}] ${cause.message}`);
      throw cause;
    }
  });
  const twice = parsed.find(
    (host, index) => parsed.findIndex(({ url }) => url === host.url) !== index,
  );
  if (twice !== undefined) throw invalid(`hosts has ${twice.url} twice; give each member once`);
  return Object.freeze(parsed);
}

function login({ username, password }: Partial<EtcdConnectionOptions>): {
  readonly username: string | undefined;
  readonly password: ResolvedOptions["password"];
} {
  if (username === undefined && password === undefined) return { username, password };
  if (typeof username !== "string" || username === "") {
    throw invalid(`username must be a text that is not empty, got ${show(username)}`);
  }
  if (typeof password !== "string" && typeof password !== "function") {
    throw invalid("password must be given beside username, as a text or a function");
  }
  return { username, password };
}
