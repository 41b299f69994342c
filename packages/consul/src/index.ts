export type { ConsulDefaultService, ConsulOptions, ConsulTimeouts, ConsulTls } from "./options.ts";
export type { ConsulAgentCheck, ConsulRegistration } from "./registration-options.ts";
export { consulRegistry } from "./registry.ts";
