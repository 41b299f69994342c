export type {
  Attempt,
  AttemptOutcome,
  Completed,
  FailureReason,
  Forward,
  ForwardTimeouts,
  ListenAddress,
  ListenOptions,
  ListenTls,
  NodeTls,
  Proxy,
  ProxyFailure,
  ProxyOptions,
  ProxySettings,
  Reply,
  RequestHead,
  ServerCertificate,
  UpstreamNode,
} from "./contract.ts";
export { createProxy } from "./proxy.ts";
export {
  defaultLimits,
  fullLimits,
  type FullLimits,
  type LimitBounds,
  limitBounds,
  type ProxyLimits,
} from "./limits.ts";
