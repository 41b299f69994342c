export type {
  Attempt,
  AttemptOutcome,
  CallbackName,
  Completed,
  FailureReason,
  Forward,
  ForwardTimeouts,
  ListenAddress,
  ListenOptions,
  Proxy,
  ProxyFailure,
  ProxyOptions,
  ProxySettings,
  Reply,
  RequestHead,
  UpstreamNode,
} from "./contract.ts";
export type { ListenTls, NodeTls, ServerCertificate } from "./contract-tls.ts";
export { createProxy } from "./proxy.ts";
export {
  defaultLimits,
  fullLimits,
  type FullLimits,
  type LimitBounds,
  limitBounds,
  type ProxyLimits,
} from "./limits.ts";
export { guardedLookup } from "./node/guarded-lookup.ts";
