import { optionChecks, show } from "@rollcall/core/adapter";

import type { Login } from "./client/login.ts";
import type { AclEntry } from "./client/requests.ts";
import { parseServerList, type Server, serverName } from "./client/server-list.ts";
import type { Codec } from "./codecs/codec.ts";
import { curatorCodec } from "./codecs/curator.ts";
import { dubboCodec } from "./codecs/dubbo.ts";
import { plainCodec } from "./codecs/plain.ts";
import { pathProblem } from "./znode-path.ts";

/** TLS towards the servers' `secureClientPort`; PEM, as `node:tls` takes it. */
export interface ZookeeperTls {
  /** Authorities to trust instead of those of Node.js. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificate, with its chain; needs `key`. */
  readonly cert?: string | Buffer | undefined;
  /** Private key of `cert`. */
  readonly key?: string | Buffer | undefined;
  /** Name the servers' certificates must carry. Default: the host of each server. */
  readonly serverName?: string | undefined;
  /** `false` accepts any certificate. Default `true`. */
  readonly verify?: boolean | undefined;
}

/** An identity towards the servers. */
export interface ZookeeperAuth {
  /**
   * `digest` is what ACLs of the scheme `digest` name; servers never refuse it, they only find that it has no
   * rights. `sasl` is a log-in with DIGEST-MD5, which they check.
   */
  readonly scheme: "digest" | "sasl";
  readonly username: string;
  /** A function is asked at each connection, so a changing one stays right. */
  readonly password: string | (() => string | Promise<string>);
}

/** One entry of an ACL. */
export interface ZookeeperAcl {
  /** Letters of `cdrwa`: create, delete, read, write, admin. */
  readonly permissions: string;
  /** `world`, `auth`, `digest`, `ip`, `sasl`, `x509`. */
  readonly scheme: string;
  /** Of whom: `anyone`, `user:base64(sha1(user:password))`, an address… Empty for `auth`. */
  readonly id: string;
}

/** Time limits, in ms. */
export interface ZookeeperTimeouts {
  /** For one server: connection, TLS, session and log-in together. Default 2000; 1–3 600 000. */
  readonly connectMs?: number | undefined;
  /** Until one request is answered. Default 5000; 1–3 600 000. */
  readonly requestMs?: number | undefined;
}

/** Options of `zookeeperRegistry`. */
export interface ZookeeperOptions {
  /** Name in routes, metrics and errors. Default `zookeeper`. */
  readonly name?: string | undefined;
  /**
   * Servers of one ensemble, `host:2181` each; one text may hold several, separated by commas, and end with a chroot:
   * `a:2181,b:2181/app`. 1–64.
   */
  readonly servers: string | readonly string[];
  /** Where the services are, below the chroot. Default `/services`; `/` for its root. */
  readonly path?: string | undefined;
  /** What the records look like. Default `curator`. */
  readonly codec?: "curator" | "dubbo" | "plain" | undefined;
  /**
   * What is asked for; the servers grant it within their own bounds. A registration outlives its process by as much.
   * Default 30 000 ms; 100–86 400 000.
   */
  readonly sessionTimeoutMs?: number | undefined;
  readonly timeouts?: ZookeeperTimeouts | undefined;
  /** One identity or several. Default: none. */
  readonly auth?: ZookeeperAuth | readonly ZookeeperAuth[] | undefined;
  /**
   * ACL of every znode that is created: `open` to anyone; `creator`, to nobody else; `creator-writes`, readable by
   * anyone; or entries of its own, 1–64. Default `open`.
   */
  readonly acl?: "open" | "creator" | "creator-writes" | readonly ZookeeperAcl[] | undefined;
  readonly tls?: ZookeeperTls | undefined;
  /** Weight of nodes whose record has none. Default 100. */
  readonly weight?: number | undefined;
  /** Bound of one answer of a server. Default 16 MiB; 64 KiB–1 GiB. */
  readonly maxFrameBytes?: number | undefined;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly name: string;
  readonly servers: readonly Server[];
  readonly chroot: string;
  /** Chroot and path; empty for the root of the tree. */
  readonly root: string;
  readonly codec: Codec;
  readonly sessionTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly logins: readonly Login[];
  readonly acl: readonly AclEntry[];
  readonly tls: ZookeeperTls | undefined;
  readonly weight: number;
  readonly maxFrameBytes: number;
}

/** Bounds of a session's time-out, in ms. */
export const minSessionMs = 100;
export const maxSessionMs = 86_400_000;
const hourMs = 3_600_000;
const maxListed = 64;

const codecs = [curatorCodec, dubboCodec, plainCodec];
const permissionBits = { r: 1, w: 2, c: 4, d: 8, a: 16 } as const;
const everything = 31;
const open: AclEntry = { permissions: everything, scheme: "world", id: "anyone" };
const creator: AclEntry = { permissions: everything, scheme: "auth", id: "" };
const readable: AclEntry = { permissions: 1, scheme: "world", id: "anyone" };
const namedAcls: ReadonlyMap<unknown, readonly AclEntry[]> = new Map([
  ["open", [open]],
  ["creator", [creator]],
  ["creator-writes", [creator, readable]],
]);

const { integer, invalid, section, text, tls, weight } = optionChecks("zookeeper");

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the first bad option, its value (never a secret) and what it must
 *   be.
 */
export function resolveOptions(given: ZookeeperOptions): ResolvedOptions {
  const options = section<ZookeeperOptions>("options", given, {
    name: true,
    servers: true,
    path: true,
    codec: true,
    sessionTimeoutMs: true,
    timeouts: true,
    auth: true,
    acl: true,
    tls: true,
    weight: true,
    maxFrameBytes: true,
  });
  const codec = codecs.find(({ name }) => name === (options.codec ?? "curator"));
  if (codec === undefined) {
    throw invalid(`codec must be one of curator, dubbo, plain, got ${show(options.codec)}`);
  }
  const { servers, chroot } = serverList(options.servers);
  const timeouts: ZookeeperTimeouts = section("timeouts", options.timeouts, {
    connectMs: true,
    requestMs: true,
  });
  const logins = auth(options.auth);
  return Object.freeze({
    name: text("name", options.name, 100) ?? "zookeeper",
    servers,
    chroot,
    root: chroot + path(options.path),
    codec,
    sessionTimeoutMs: integer("sessionTimeoutMs", options.sessionTimeoutMs, [
      30_000,
      minSessionMs,
      maxSessionMs,
    ]),
    connectTimeoutMs: integer("timeouts.connectMs", timeouts.connectMs, [2_000, 1, hourMs]),
    requestTimeoutMs: integer("timeouts.requestMs", timeouts.requestMs, [5_000, 1, hourMs]),
    logins,
    acl: acl(options.acl, logins.length > 0 || options.tls?.cert !== undefined),
    tls: tls(options.tls),
    weight: weight("weight", options.weight),
    maxFrameBytes: integer("maxFrameBytes", options.maxFrameBytes, [2 ** 24, 2 ** 16, 2 ** 30]),
  } satisfies ResolvedOptions);
}

function serverList(value: unknown): {
  readonly servers: readonly Server[];
  readonly chroot: string;
} {
  const list: unknown = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || list.length === 0 || list.length > maxListed) {
    throw invalid("servers must be 1 to 64 of host:port, such as 127.0.0.1:2181");
  }
  if (!list.every((one): one is string => typeof one === "string")) {
    throw invalid("servers must be texts");
  }
  let parsed;
  try {
    parsed = parseServerList(list.join(","));
  } catch (cause) {
    throw invalid(`servers ${cause instanceof Error ? cause.message : "cannot be read"}`);
  }
  const names = parsed.servers.map(serverName);
  if (names.length > maxListed) throw invalid("servers must be 1 to 64 of host:port");
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`servers has ${twice} twice; give each server once`);
  const problem = parsed.chroot === "" ? undefined : pathProblem(parsed.chroot);
  if (problem !== undefined) {
    throw invalid(`servers: the chroot ${problem}, got ${show(parsed.chroot)}`);
  }
  return parsed;
}

function path(value: unknown = "/services"): string {
  if (value === "/") return "";
  const problem = typeof value === "string" ? pathProblem(value) : "must be a text";
  if (problem !== undefined) throw invalid(`path ${problem}, got ${show(value)}`);
  return value as string;
}

function auth(value: ZookeeperOptions["auth"]): readonly Login[] {
  const list: readonly unknown[] = Array.isArray(value)
    ? value
    : value === undefined
      ? []
      : [value];
  if (list.length > maxListed) throw invalid("auth must be at most 64 identities");
  return list.map((one) => {
    const { scheme, username, password } = section<ZookeeperAuth>("auth", one as ZookeeperAuth, {
      scheme: true,
      username: true,
      password: true,
    });
    if (scheme !== "digest" && scheme !== "sasl") {
      throw invalid(`auth.scheme must be digest or sasl, got ${show(scheme)}`);
    }
    if (typeof username !== "string" || username === "" || username.includes(":")) {
      throw invalid(`auth.username must be a text without a colon, got ${show(username)}`);
    }
    if (typeof password !== "string" && typeof password !== "function") {
      throw invalid("auth.password must be a text or a function");
    }
    return Object.freeze({ scheme, username, password });
  });
}

function acl(value: ZookeeperOptions["acl"], hasIdentity: boolean): readonly AclEntry[] {
  const named = namedAcls.get(value ?? "open");
  if (named !== undefined) {
    if (named.includes(creator) && !hasIdentity) {
      throw invalid(`acl must be open without auth or tls.cert: there is no ${show(value)}`);
    }
    return named;
  }
  if (!Array.isArray(value) || value.length === 0 || value.length > maxListed) {
    throw invalid(
      `acl must be open, creator, creator-writes or 1 to 64 entries, got ${show(value)}`,
    );
  }
  return value.map((one: unknown) => {
    const entry = section<ZookeeperAcl>("acl", one as ZookeeperAcl, {
      scheme: true,
      id: true,
      permissions: true,
    });
    const scheme = text("acl.scheme", entry.scheme, 100);
    const { permissions, id } = entry;
    if (scheme === undefined || typeof id !== "string") {
      throw invalid("acl entries must have a scheme and an id, both texts");
    }
    if (typeof permissions !== "string" || !/^(?!.*(.).*\1)[rwcda]{1,5}$/.test(permissions)) {
      throw invalid(`acl.permissions must be letters of cdrwa, got ${show(permissions)}`);
    }
    let bits = 0;
    for (const [letter, bit] of Object.entries(permissionBits)) {
      if (permissions.includes(letter)) bits += bit;
    }
    return Object.freeze({ permissions: bits, scheme, id });
  });
}
