export type { EurekaCredentials } from "./auth.ts";
export type { EurekaChange, EurekaChangeType } from "./change.ts";
export type { Clock } from "./clock.ts";
export { EurekaServerError } from "./error.ts";
export type { EurekaServerOptions, EurekaServerTls } from "./options.ts";
export { startEurekaServer } from "./server.ts";
export type { EurekaServer } from "./server.ts";
export type { EurekaStatus } from "./status.ts";
