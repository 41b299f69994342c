import * as z from "zod";

import { choice, decimal, flag, integer, nodePort, pattern } from "./leaf.ts";

/** `checks.active` of an upstream, as in APISIX; times in seconds. */
export interface ActiveChecksInput {
  readonly type?: "http" | "https" | "tcp" | undefined;
  readonly timeout?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly http_path?: string | undefined;
  readonly https_verify_certificate?: boolean | undefined;
  readonly req_headers?: readonly string[] | undefined;
  readonly healthy?:
    | {
        readonly interval?: number | undefined;
        readonly http_statuses?: readonly number[] | undefined;
        readonly successes?: number | undefined;
      }
    | undefined;
  readonly unhealthy?:
    | {
        readonly interval?: number | undefined;
        readonly http_statuses?: readonly number[] | undefined;
        readonly http_failures?: number | undefined;
        readonly tcp_failures?: number | undefined;
        readonly timeouts?: number | undefined;
      }
    | undefined;
}

const interval = decimal(0.1, 86_400).optional();
const failures = integer(0, 254).optional();
const statuses = z
  .array(integer(200, 599), "must be a list of statuses")
  .min(1, "must name at least one status")
  .optional();

/** Shape of {@link ActiveChecksInput}. */
export const activeChecksSchema: z.ZodType<ActiveChecksInput> = z.strictObject(
  {
    type: choice(["http", "https", "tcp"]).optional(),
    timeout: decimal(0.001, 3_600).optional(),
    concurrency: integer(1, 1_000).optional(),
    host: pattern(
      /^[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?$/,
      "must be a host name, with :port if needed",
    ).optional(),
    port: nodePort.optional(),
    http_path: pattern(
      /^\/[\u0021-\u007e]{0,4095}$/,
      "must be a path that starts with /, without spaces, of up to 4096 characters",
    ).optional(),
    https_verify_certificate: flag().optional(),
    req_headers: z
      .array(
        pattern(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\u0020-\u007e]*$/, 'must be as "Name: value"'),
        'must be a list such as ["User-Agent: checks"]',
      )
      .min(1, "must name at least one field")
      .max(32, "must name up to 32 fields")
      .optional(),
    healthy: z
      .strictObject(
        { interval, http_statuses: statuses, successes: integer(1, 254).optional() },
        "must be a map with interval, http_statuses and successes",
      )
      .optional(),
    unhealthy: z
      .strictObject(
        {
          interval,
          http_statuses: statuses,
          http_failures: failures,
          tcp_failures: failures,
          timeouts: failures,
        },
        "must be a map with interval, http_statuses, http_failures, tcp_failures and timeouts",
      )
      .optional(),
  },
  "must be a map such as http_path: /health, or {} for the defaults",
);
