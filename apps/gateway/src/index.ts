export type { AccessLine, Gateway, GatewayDeps } from "./gateway-contract.ts";
export { startGateway } from "./gateway.ts";
export { ListenError } from "./listen-error.ts";
export { type ConfigSource, loadConfig, type LoadedConfig } from "./config/load.ts";
export { formatProblem, type Problem } from "./config/problem.ts";
export type {
  GatewayConfig,
  ListenConfig,
  NodeSource,
  RegistryConfig,
  RegistryOptions,
  RouteConfig,
  UpstreamConfig,
  WrittenObject,
} from "./config/gateway-config.ts";
export { configJsonSchema } from "./config/file-schema.ts";
export { type GatewayError, type GatewayErrorCode, gatewayErrors } from "./error-table.ts";
export { registryFactories } from "./registry-factories.ts";
export type { RegistryFactories, RegistryFactory } from "./registry-factory.ts";
