import type { ProxyFailure, ProxyOptions, Reply } from "../contract.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import type { DialRules } from "../node/dial.ts";
import type { NodePools } from "../node/node-pools.ts";
import type { ForwardedFields } from "./forwarded-fields.ts";

/** Bounds of an exchange, all defaults filled in. */
export interface ExchangeLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly clientSendTimeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly maxRequestsPerConnection: number;
  /** How long a request waits for a connection to a node. */
  readonly queueTimeoutMs: number;
  readonly lingerMs: number;
  /** How long the rest of a body is thrown away, after its answer. */
  readonly discardMs: number;
}

/** What exchanges need from the engine, shared by all of them. */
export interface EngineParts {
  readonly route: ProxyOptions["route"];
  readonly onCompleted: ProxyOptions["onCompleted"];
  readonly describe: (failure: ProxyFailure) => Reply;
  readonly pools: NodePools;
  readonly dialing: DialRules;
  readonly forwarded: ForwardedFields;
  readonly limits: ExchangeLimits;
  readonly newFraming: () => BodyFraming;
  /** Whether the engine is being closed: connections end with their answer. */
  readonly isClosing: () => boolean;
}
