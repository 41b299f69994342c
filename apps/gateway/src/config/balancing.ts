import type { BalancerOptions } from "@rollcall/balancer";

import type { BalancingInput, OutlierEjectionInput } from "./balancing-schema.ts";
import type { Path } from "./document.ts";
import { showPath } from "./show-path.ts";

type OutlierEjectionOptions = NonNullable<BalancerOptions["outlierEjection"]>;

/** Told what is said and makes no difference: where, and why. */
export type Unused = (path: Path, message: string) => void;

/** What stands around the algorithm of an upstream; nothing that is not asked for. */
export function balancerOptions(input: BalancingInput, unused: Unused): BalancerOptions {
  const { warm_up_conf: warmUp, zone_preference: zone } = input;
  return {
    outlierEjection: outlierEjection(input, unused),
    ...(warmUp === undefined
      ? {}
      : {
          slowStart: {
            windowMs: warmUp.slow_start_time_seconds * 1_000,
            minShare:
              warmUp.min_weight_percent === undefined ? undefined : warmUp.min_weight_percent / 100,
            aggression: warmUp.aggression,
          },
        }),
    ...(zone === undefined
      ? {}
      : { zonePreference: { zone: zone.zone, minNodes: zone.min_nodes } }),
  };
}

/** `checks.passive` as far as it fits, and over it our own keys. */
function outlierEjection(
  { checks, outlier_ejection: own }: BalancingInput,
  unused: Unused,
): OutlierEjectionOptions | undefined {
  const passive = checks?.passive;
  if (passive === undefined) return own === undefined ? undefined : ejectionOptions(own);
  const { type = "http", healthy, unhealthy } = passive;
  if (healthy !== undefined) {
    const place = ["checks", "passive", "healthy"];
    unused(
      place,
      `${showPath(place)} is not used: a node comes back after outlier_ejection.ejection_time`,
    );
  }
  if (unhealthy?.http_statuses !== undefined) {
    const place = ["checks", "passive", "unhealthy", "http_statuses"];
    unused(place, `${showPath(place)} is not used: every status from 500 on is a failure`);
  }
  return {
    // As in APISIX: each kind on its own, however many nodes are out; with all of them out all are used.
    consecutiveFailures: 0,
    consecutiveHttpFailures: type === "tcp" ? 0 : (unhealthy?.http_failures ?? 5),
    consecutiveTcpFailures: unhealthy?.tcp_failures ?? 2,
    consecutiveTimeouts: unhealthy?.timeouts ?? 7,
    successRateStdevs: 0,
    maxEjectedShare: 1,
    panicThreshold: 0,
    ...definedOnly(ejectionOptions(own ?? {})),
  };
}

function ejectionOptions(own: OutlierEjectionInput): OutlierEjectionOptions {
  const ms = (seconds: number | undefined): number | undefined =>
    seconds === undefined ? undefined : Math.round(seconds * 1_000);
  return {
    consecutiveFailures: own.consecutive_failures,
    successRateStdevs: own.success_rate_stdevs,
    successRateMinNodes: own.success_rate_min_nodes,
    successRateMinRequests: own.success_rate_min_requests,
    intervalMs: ms(own.interval),
    ejectionMs: ms(own.ejection_time),
    maxEjectionMs: ms(own.max_ejection_time),
    maxEjectedShare: own.max_ejected_share,
    panicThreshold: own.panic_threshold,
  };
}

function definedOnly(options: OutlierEjectionOptions): OutlierEjectionOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
