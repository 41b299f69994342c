import { type OptionNames, show } from "@rollcall/core/adapter";

import type { Balancer } from "./balancer.ts";
import { consistentHash } from "./consistent-hash.ts";
import { ewma, type EwmaOptions } from "./ewma.ts";
import { leastConn } from "./least-conn.ts";
import { invalid, section } from "./options.ts";
import { outlierEjection } from "./outlier-ejection.ts";
import type { OutlierEjectionOptions } from "./outlier-options.ts";
import { p2c, type P2cOptions } from "./p2c.ts";
import { roundRobin } from "./round-robin.ts";
import { slowStart, type SlowStartOptions } from "./slow-start.ts";
import { zonePreference, type ZonePreferenceOptions } from "./zone-preference.ts";

/** The algorithms by the names that APISIX and nginx give them. */
export type BalancerType = "roundrobin" | "chash" | "least_conn" | "ewma" | "p2c";

/** Each {@link BalancerType}. */
export const balancerTypes: readonly BalancerType[] = [
  "roundrobin",
  "chash",
  "least_conn",
  "ewma",
  "p2c",
];

/** Options of {@link createBalancer}. What is not given is not used, not even with its defaults. */
export interface BalancerOptions {
  /** For type `ewma`. Default `{}`. */
  readonly ewma?: EwmaOptions | undefined;
  /** For type `p2c`. Default `{}`. */
  readonly p2c?: P2cOptions | undefined;
  /** `{}` prefers nothing: it needs a zone. */
  readonly zonePreference?: ZonePreferenceOptions | undefined;
  /** `{}` turns it on with its defaults. */
  readonly slowStart?: SlowStartOptions | undefined;
  /** `{}` turns it on with its defaults. */
  readonly outlierEjection?: OutlierEjectionOptions | undefined;
}

const names: OptionNames<BalancerOptions> = {
  ewma: true,
  p2c: true,
  zonePreference: true,
  slowStart: true,
  outlierEjection: true,
};

/**
 * Makes a balancer from a configuration: an algorithm, and around it what is asked for, in the order in which
 * it works best: ejection outside, so that a zone whose nodes are all ejected counts as empty.
 *
 * @throws {@link DiscoveryError} `INVALID` for an unknown type, and for an option that does not exist or is out of bounds.
 */
export function createBalancer(type: BalancerType, options: BalancerOptions = {}): Balancer {
  section("options", options, names);
  let balancer = algorithm(type, options);
  if (options.zonePreference !== undefined) {
    balancer = zonePreference(balancer, options.zonePreference);
  }
  if (options.slowStart !== undefined) balancer = slowStart(balancer, options.slowStart);
  if (options.outlierEjection !== undefined) {
    balancer = outlierEjection(balancer, options.outlierEjection);
  }
  return balancer;
}

function algorithm(type: BalancerType, options: BalancerOptions): Balancer {
  switch (type) {
    case "roundrobin":
      return roundRobin();
    case "chash":
      return consistentHash();
    case "least_conn":
      return leastConn();
    case "ewma":
      return ewma(options.ewma);
    case "p2c":
      return p2c(options.p2c);
    default:
      throw invalid(`type must be one of ${balancerTypes.join(", ")}, got ${show(type)}`);
  }
}
