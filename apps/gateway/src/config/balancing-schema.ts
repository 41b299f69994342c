import * as z from "zod";

import { type ActiveChecksInput, activeChecksSchema } from "./active-checks-schema.ts";
import { choice, decimal, integer, text } from "./leaf.ts";

/** `checks.passive` of an upstream, as in APISIX. */
export interface PassiveChecksInput {
  readonly type?: "http" | "https" | "tcp" | undefined;
  readonly healthy?:
    | {
        readonly http_statuses?: readonly number[] | undefined;
        readonly successes?: number | undefined;
      }
    | undefined;
  readonly unhealthy?:
    | {
        readonly http_statuses?: readonly number[] | undefined;
        readonly http_failures?: number | undefined;
        readonly tcp_failures?: number | undefined;
        readonly timeouts?: number | undefined;
      }
    | undefined;
}

/** `outlier_ejection` of an upstream; times in seconds. */
export interface OutlierEjectionInput {
  readonly consecutive_failures?: number | undefined;
  readonly success_rate_stdevs?: number | undefined;
  readonly success_rate_min_nodes?: number | undefined;
  readonly success_rate_min_requests?: number | undefined;
  readonly interval?: number | undefined;
  readonly ejection_time?: number | undefined;
  readonly max_ejection_time?: number | undefined;
  readonly max_ejected_share?: number | undefined;
  readonly panic_threshold?: number | undefined;
}

/** `warm_up_conf` of an upstream, as in APISIX. */
export interface WarmUpInput {
  readonly slow_start_time_seconds: number;
  readonly min_weight_percent?: number | undefined;
  readonly aggression?: number | undefined;
  readonly interval?: number | undefined;
}

/** `zone_preference` of an upstream. */
export interface ZonePreferenceInput {
  readonly zone: string;
  readonly min_nodes?: number | undefined;
}

/** What stands around the algorithm of an upstream. */
export interface BalancingInput {
  readonly checks?:
    | {
        readonly active?: ActiveChecksInput | undefined;
        readonly passive?: PassiveChecksInput | undefined;
      }
    | undefined;
  readonly outlier_ejection?: OutlierEjectionInput | undefined;
  readonly warm_up_conf?: WarmUpInput | undefined;
  readonly zone_preference?: ZonePreferenceInput | undefined;
}

const dayS = 86_400;
const million = 1_000_000;
const failures = integer(0, 254).optional();
const statuses = z
  .array(integer(200, 599), "must be a list of statuses")
  .min(1, "must name at least one status")
  .optional();

const passive: z.ZodType<PassiveChecksInput> = z.strictObject(
  {
    type: choice(["http", "https", "tcp"]).optional(),
    healthy: z
      .strictObject(
        { http_statuses: statuses, successes: failures },
        "must be a map with http_statuses and successes",
      )
      .optional(),
    unhealthy: z
      .strictObject(
        {
          http_statuses: statuses,
          http_failures: failures,
          tcp_failures: failures,
          timeouts: failures,
        },
        "must be a map with http_failures, tcp_failures and timeouts",
      )
      .optional(),
  },
  "must be a map with unhealthy",
);

const outlierEjection: z.ZodType<OutlierEjectionInput> = z.strictObject(
  {
    consecutive_failures: integer(0, million).optional(),
    success_rate_stdevs: decimal(0, 10).optional(),
    success_rate_min_nodes: integer(2, million).optional(),
    success_rate_min_requests: integer(1, million).optional(),
    interval: decimal(0.001, dayS).optional(),
    ejection_time: decimal(0.001, dayS).optional(),
    max_ejection_time: decimal(0.001, dayS).optional(),
    max_ejected_share: decimal(0, 1).optional(),
    panic_threshold: decimal(0, 1).optional(),
  },
  "must be a map such as consecutive_failures: 5, or {} for the defaults",
);

const warmUp: z.ZodType<WarmUpInput> = z.strictObject(
  {
    slow_start_time_seconds: integer(1, dayS),
    min_weight_percent: decimal(0.1, 100).optional(),
    aggression: decimal(0.1, 10).optional(),
    interval: decimal(0, dayS, true).optional(),
  },
  "must be a map with slow_start_time_seconds",
);

const zonePreference: z.ZodType<ZonePreferenceInput> = z.strictObject(
  { zone: text(255, "a zone"), min_nodes: integer(1, million).optional() },
  "must be a map with zone",
);

/** Shape of {@link BalancingInput}. */
export const balancingKeys: {
  readonly checks: z.ZodType<BalancingInput["checks"]>;
  readonly outlier_ejection: z.ZodType<BalancingInput["outlier_ejection"]>;
  readonly warm_up_conf: z.ZodType<BalancingInput["warm_up_conf"]>;
  readonly zone_preference: z.ZodType<BalancingInput["zone_preference"]>;
} = {
  checks: z
    .strictObject(
      { active: activeChecksSchema.optional(), passive: passive.optional() },
      "must be a map with active or passive",
    )
    .optional(),
  outlier_ejection: outlierEjection.optional(),
  warm_up_conf: warmUp.optional(),
  zone_preference: zonePreference.optional(),
};
