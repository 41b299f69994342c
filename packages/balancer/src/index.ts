export type { Balancer, Outcome, Picked } from "./balancer.ts";
export { consistentHash } from "./consistent-hash.ts";
export { ewma, type EwmaOptions } from "./ewma.ts";
export { hashKey, type HashSpec } from "./hash-key.ts";
export { leastConn } from "./least-conn.ts";
export { p2c, type P2cOptions } from "./p2c.ts";
export { roundRobin } from "./round-robin.ts";
