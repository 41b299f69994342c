export { nacosRegistry } from "./registry.ts";
export type {
  NacosHealthCheck,
  NacosOptions,
  NacosRegistration,
  NacosTimeouts,
  NacosTls,
} from "./options.ts";
