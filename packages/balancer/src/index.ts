export type { Balancer, Outcome, Picked } from "./balancer.ts";
export { consistentHash } from "./consistent-hash.ts";
export {
  balancerTypes,
  type BalancerOptions,
  type BalancerType,
  createBalancer,
} from "./create-balancer.ts";
export { ewma, type EwmaOptions } from "./ewma.ts";
export { hashKey, type HashSpec } from "./hash-key.ts";
export { leastConn } from "./least-conn.ts";
export { notTried } from "./not-tried.ts";
export { type OutlierEjection, outlierEjection } from "./outlier-ejection.ts";
export type { Ejection, OutlierEjectionOptions } from "./outlier-options.ts";
export { p2c, type P2cOptions } from "./p2c.ts";
export { roundRobin } from "./round-robin.ts";
export { type SlowStart, slowStart, type SlowStartOptions } from "./slow-start.ts";
export { zonePreference, type ZonePreferenceOptions } from "./zone-preference.ts";
