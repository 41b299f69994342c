import type { ActiveChecksInput } from "./active-checks-schema.ts";
import type { Path } from "./document.ts";

/** How nodes of an upstream are asked whether they are well. */
export interface ActiveChecks {
  readonly type: "http" | "https" | "tcp";
  readonly timeoutMs: number;
  /** Most questions to nodes of this upstream at a time. */
  readonly concurrency: number;
  /** Sent as `Host`; `undefined`: the node's own. */
  readonly host?: string | undefined;
  /** Asked instead of the port that requests go to. */
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Whether certificates are verified, with type `https`. */
  readonly verify: boolean;
  /** For nodes that are well. */
  readonly healthy: {
    readonly intervalMs: number;
    readonly statuses: readonly number[];
    /** In a row, and the node is well again. */
    readonly successes: number;
  };
  /** For nodes that are not; counts are in a row and by kind, 0: never. */
  readonly unhealthy: {
    readonly intervalMs: number;
    readonly statuses: readonly number[];
    readonly httpFailures: number;
    readonly tcpFailures: number;
    readonly timeouts: number;
  };
}

/** Fields that say where a question goes and how long it is; `host` is a key of its own. */
const ownHeaders = new Set(["connection", "content-length", "host", "transfer-encoding"]);

/**
 * Fills in APISIX's defaults.
 *
 * @param host  What requests carry as `Host`, where the upstream says so.
 * @param refuse  Told what is wrong, and where below `checks.active`.
 */
export function resolveActiveChecks(
  input: ActiveChecksInput,
  host: string | undefined,
  refuse: (path: Path, message: string) => void,
): ActiveChecks {
  const { type = "http", healthy = {}, unhealthy = {} } = input;
  const headers = (input.req_headers ?? []).map((line, index) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    if (ownHeaders.has(name.toLowerCase())) {
      const fix = name.toLowerCase() === "host" ? "; use host" : "";
      refuse(["req_headers", index], `may not set ${name}${fix}`);
    }
    return [name, line.slice(colon + 1).trim()] as const;
  });
  return {
    type,
    timeoutMs: ms(input.timeout, 1),
    concurrency: input.concurrency ?? 10,
    host: input.host ?? host,
    port: input.port,
    path: input.http_path ?? "/",
    headers,
    verify: input.https_verify_certificate ?? true,
    healthy: {
      intervalMs: ms(healthy.interval, 1),
      statuses: healthy.http_statuses ?? [200, 302],
      successes: healthy.successes ?? 2,
    },
    unhealthy: {
      intervalMs: ms(unhealthy.interval, 1),
      statuses: unhealthy.http_statuses ?? [429, 404, 500, 501, 502, 503, 504, 505],
      httpFailures: unhealthy.http_failures ?? 5,
      tcpFailures: unhealthy.tcp_failures ?? 2,
      timeouts: unhealthy.timeouts ?? 3,
    },
  };
}

function ms(seconds: number | undefined, otherwise: number): number {
  return Math.round((seconds ?? otherwise) * 1_000);
}
