export { eurekaRegistry } from "./registry.ts";
export type {
  EurekaInstance,
  EurekaLease,
  EurekaOptions,
  EurekaTimeouts,
  EurekaTls,
} from "./options.ts";
