import type { EurekaCredentials } from "./auth.ts";
import type { EurekaChange } from "./change.ts";
import { systemClock, type Clock } from "./clock.ts";
import { EurekaServerError } from "./error.ts";

/** TLS material, PEM, as `node:tls` takes it. */
export interface EurekaServerTls {
  /** Private key. */
  readonly key: string | Buffer;
  /** Certificate, with its chain. */
  readonly cert: string | Buffer;
  /** Authorities that client certificates must come from. Default: those of Node.js. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Refuse clients without a certificate of `ca`. Default `false`. */
  readonly requestCert?: boolean | undefined;
}

/** Options of `startEurekaServer`; every one may be left out. */
export interface EurekaServerOptions {
  /** Address or name to listen on. Default `127.0.0.1`: nobody else on the network can register. */
  readonly host?: string | undefined;
  /** 0–65535. Default 0: a free one; read it from `url` or `port`. */
  readonly port?: number | undefined;
  /** Ask for Basic authentication. Default: no. */
  readonly credentials?: EurekaCredentials | undefined;
  /** Speak HTTPS. Default: no. */
  readonly tls?: EurekaServerTls | undefined;
  /** Called at once with each change, in order. What it throws is an uncaught exception of the process. */
  readonly onChange?: ((change: EurekaChange) => void) | undefined;
  /**
   * How often expired leases are looked for. Default 1000 ms (the real server: 60 000); 10–86 400 000.
   */
  readonly evictionIntervalMs?: number | undefined;
  /**
   * `true`: a lease ends one duration after the last heartbeat. Default `false`, as the real server: after
   * two durations, or one when there was no heartbeat.
   */
  readonly exactLeases?: boolean | undefined;
  /** Keep expired leases while too few heartbeats arrive, as the real server. Default `false`. */
  readonly selfPreservation?: boolean | undefined;
  /** Serve `/apps/delta`. Default `true`; `false` answers 403 there, and clients read everything. */
  readonly delta?: boolean | undefined;
  /** How long a change stays in the delta. Default 180 000 ms; 1–86 400 000. */
  readonly deltaRetentionMs?: number | undefined;
  /** Nodes of all services together; more are refused with 507. Default 10 000; 1–1 000 000. */
  readonly maxNodes?: number | undefined;
  /** Size of a registration; more is refused with 413. Default 262 144 bytes; 1 to 16 777 216. */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Keys and values of one node's metadata, in UTF-8; more is refused with 413. Default 131 072 bytes;
   * 0 to 16 777 216.
   */
  readonly maxMetadataBytes?: number | undefined;
  /** Time, for tests. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: EurekaCredentials | undefined;
  readonly tls: EurekaServerTls | undefined;
  readonly onChange: (change: EurekaChange) => void;
  readonly evictionIntervalMs: number;
  readonly exactLeases: boolean;
  readonly selfPreservation: boolean;
  readonly delta: boolean;
  readonly deltaRetentionMs: number;
  readonly maxNodes: number;
  readonly maxBodyBytes: number;
  readonly maxMetadataBytes: number;
  readonly clock: Clock;
}

const dayMs = 86_400_000;
const maxBytes = 16 * 1024 * 1024;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {EurekaServerError} `INVALID`, naming the first bad option, its value and what it must be.
 */
export function resolveOptions(options: EurekaServerOptions): ResolvedOptions {
  const host = options.host ?? "127.0.0.1";
  if (typeof host !== "string" || !/^[A-Za-z0-9._:%-]+$/.test(host)) {
    throw invalid("host", host, "an IP address without brackets or a host name");
  }
  return {
    host,
    port: integer("port", options.port, 0, 0, 65_535),
    credentials: credentials(options.credentials),
    tls: tls(options.tls),
    onChange: callback(options.onChange),
    evictionIntervalMs: integer("evictionIntervalMs", options.evictionIntervalMs, 1000, 10, dayMs),
    exactLeases: flag("exactLeases", options.exactLeases, false),
    selfPreservation: flag("selfPreservation", options.selfPreservation, false),
    delta: flag("delta", options.delta, true),
    deltaRetentionMs: integer("deltaRetentionMs", options.deltaRetentionMs, 180_000, 1, dayMs),
    maxNodes: integer("maxNodes", options.maxNodes, 10_000, 1, 1_000_000),
    maxBodyBytes: integer("maxBodyBytes", options.maxBodyBytes, 256 * 1024, 1, maxBytes),
    maxMetadataBytes: integer(
      "maxMetadataBytes",
      options.maxMetadataBytes,
      128 * 1024,
      0,
      maxBytes,
    ),
    clock: options.clock ?? systemClock,
  };
}

function integer(
  name: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback;
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, value, `a whole number from ${min} to ${max}`);
  }
  return value;
}

function flag(name: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw invalid(name, value, "true or false");
  return value;
}

function callback(value: EurekaServerOptions["onChange"]): (change: EurekaChange) => void {
  if (value === undefined) return () => {};
  if (typeof value !== "function") throw invalid("onChange", value, "a function");
  return (change) => {
    try {
      value(change);
    } catch (error) {
      // The receiver's own fault: it must be seen, but no request and no eviction may fail by it.
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}

function credentials(value: EurekaServerOptions["credentials"]): EurekaCredentials | undefined {
  if (value === undefined) return undefined;
  const { username, password } = value;
  if (typeof username !== "string" || username === "" || username.includes(":")) {
    throw invalid("credentials.username", username, "a text without a colon");
  }
  if (typeof password !== "string") {
    throw new EurekaServerError("INVALID", "option credentials.password must be a string");
  }
  return { username, password };
}

function tls(value: EurekaServerOptions["tls"]): EurekaServerTls | undefined {
  if (value === undefined) return undefined;
  for (const name of ["key", "cert"] as const) {
    if (typeof value[name] !== "string" && !Buffer.isBuffer(value[name])) {
      throw new EurekaServerError("INVALID", `option tls.${name} must be PEM text or a Buffer`);
    }
  }
  return value;
}

function invalid(name: string, value: unknown, rule: string): EurekaServerError {
  const shown = JSON.stringify(value)?.slice(0, 100) ?? String(value).slice(0, 100);
  return new EurekaServerError("INVALID", `option ${name} must be ${rule}; it is ${shown}`);
}
