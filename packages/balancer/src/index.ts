export type { Balancer, Outcome, Picked } from "./balancer.ts";
export { roundRobin } from "./round-robin.ts";
