import { optionChecks, show } from "@rollcall/core/adapter";

/** A check that the agent runs itself, instead of heartbeats. */
export interface ConsulAgentCheck {
  /** `http`: 2xx is passing, 429 warning, anything else critical. `tcp`: a connection is enough. */
  readonly type: "http" | "tcp";
  /** Of `http`: the path asked at the node's own address. Default `/`; 1–2048 characters. */
  readonly path?: string | undefined;
  /** Of `http`: sent along. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Of `http` to a `secure` node: `true` accepts any certificate. Default `false`. */
  readonly skipVerify?: boolean | undefined;
  /** Time between two checks. Default 10 000 ms; 1 000 (Consul's own floor)–86 400 000. */
  readonly intervalMs?: number | undefined;
  /** Until a check counts as failed. Default 5 000 ms; 1–86 400 000. */
  readonly timeoutMs?: number | undefined;
}

/** How nodes are entered. */
export interface ConsulRegistration {
  /**
   * How long a record stays passing without a heartbeat, unless a call gives its own `ttlMs`; heartbeats
   * come at a third of it. With `check`: how often the record is looked after, times three.
   * Default 15 000 ms; 300–86 400 000.
   */
  readonly ttlMs?: number | undefined;
  /** A check the agent runs. Default: none, the node sends heartbeats to a TTL check. */
  readonly check?: ConsulAgentCheck | undefined;
  /**
   * After how long in a critical state the agent removes the record for good. Consul counts at least
   * 60 000 ms and looks every 30 s. Default 60 000 ms; 60 000–2 592 000 000.
   */
  readonly deregisterAfterMs?: number | undefined;
  /** Tags of every record, at most 64 of 255 characters. Default: none. */
  readonly tags?: readonly string[] | undefined;
  /** Lets others change the tags in the catalogue; they are kept then. Default `false`. */
  readonly enableTagOverride?: boolean | undefined;
}

/** {@link ConsulAgentCheck} with every default filled in. */
export interface ResolvedCheck {
  readonly type: "http" | "tcp";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly skipVerify: boolean;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** {@link ConsulRegistration} with every default filled in. */
export interface ResolvedRegistration {
  readonly ttlMs: number;
  readonly check: ResolvedCheck | undefined;
  readonly deregisterAfterMs: number;
  readonly tags: readonly string[];
  readonly enableTagOverride: boolean;
}

const dayMs = 86_400_000;

/** Shortest and longest lease a registration may ask for, in ms. */
export const minTtlMs = 300;
export const maxTtlMs: number = dayMs;

const { choice, flag, integer, invalid, section, text, texts } = optionChecks("consul");

/** @throws {@link DiscoveryError} `INVALID`. */
export function resolveRegistration(given: ConsulRegistration | undefined): ResolvedRegistration {
  const registration = section("registration", given, {
    ttlMs: true,
    check: true,
    deregisterAfterMs: true,
    tags: true,
    enableTagOverride: true,
  });
  return Object.freeze({
    ttlMs: integer("registration.ttlMs", registration.ttlMs, [15_000, minTtlMs, maxTtlMs]),
    check: check(registration.check),
    deregisterAfterMs: integer("registration.deregisterAfterMs", registration.deregisterAfterMs, [
      60_000,
      60_000,
      30 * dayMs,
    ]),
    tags: Object.freeze(texts("registration.tags", registration.tags, [64, 255])),
    enableTagOverride: flag(
      "registration.enableTagOverride",
      registration.enableTagOverride,
      false,
    ),
  });
}

function check(given: ConsulAgentCheck | undefined): ResolvedCheck | undefined {
  if (given === undefined) return undefined;
  const { type, path, headers, skipVerify, intervalMs, timeoutMs } = section(
    "registration.check",
    given,
    {
      type: true,
      path: true,
      headers: true,
      skipVerify: true,
      intervalMs: true,
      timeoutMs: true,
    },
  );
  if (type === undefined) throw invalid("registration.check.type must be http or tcp");
  const where = text("registration.check.path", path, 2_048) ?? "/";
  if (!where.startsWith("/")) {
    throw invalid(`registration.check.path must start with /, got ${show(path)}`);
  }
  for (const [name, value] of Object.entries(section("registration.check.headers", headers))) {
    text(`registration.check.headers.${name}`, value, 2_048);
  }
  return Object.freeze({
    type: choice("registration.check.type", type, ["http", "tcp"]),
    path: where,
    headers: Object.freeze({ ...headers }),
    skipVerify: flag("registration.check.skipVerify", skipVerify, false),
    intervalMs: integer("registration.check.intervalMs", intervalMs, [10_000, 1_000, dayMs]),
    timeoutMs: integer("registration.check.timeoutMs", timeoutMs, [5_000, 1, dayMs]),
  });
}
