export {
  asDiscoveryError,
  DiscoveryError,
  type DiscoveryErrorDetails,
  errorCodes,
  type ErrorCode,
} from "./error.ts";
export {
  byId,
  defaultWeight,
  defineNode,
  isDefinedNode,
  isRoutable,
  maxMetadataBytes,
  type NodeInput,
  type NodePatch,
  type NodeStatus,
  nodeStatuses,
  sameAddress,
  sameNode,
  type ServiceNode,
} from "./node.ts";
export type {
  NodeSet,
  RegisterOptions,
  Registration,
  RegistrationState,
  Registry,
  RegistryTraits,
  RejectedRecord,
  Scope,
  ServiceQuery,
  WithSignal,
} from "./registry.ts";
export type { Snapshot } from "./snapshot.ts";
export type { ServiceView } from "./view.ts";
export type { DiscoveryEvent, RegistrationEvent } from "./channel.ts";
export { diff, type NodeDiff } from "./diff.ts";
export { createDiscovery, type Discovery, type DiscoveryOptions } from "./discovery.ts";
export { byMetadata, byVersion, byZone, nodeFilter, type NodeFilter } from "./filter.ts";
export { fixedView } from "./fixed.ts";
export { merge } from "./merge.ts";
export { memoryBackend, type MemoryBackend, type MemoryRecord } from "./memory-backend.ts";
export { memoryRegistry, type MemoryRegistryOptions } from "./memory.ts";
export type { ListenOptions } from "./provider/listening.ts";
export { provide, type ProvideOptions, type Provider } from "./provider/provide.ts";
