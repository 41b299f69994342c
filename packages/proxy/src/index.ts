export type {
  Attempt,
  AttemptOutcome,
  Completed,
  FailureReason,
  Forward,
  ForwardTimeouts,
  ListenAddress,
  NodeTls,
  Proxy,
  ProxyFailure,
  ProxyOptions,
  Reply,
  RequestHead,
  UpstreamNode,
} from "./contract.ts";
export { createProxy } from "./proxy.ts";
