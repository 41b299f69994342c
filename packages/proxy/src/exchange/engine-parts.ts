import type { CallbackErrors } from "../callback-errors.ts";
import type { ProxyFailure, ProxyOptions, Reply } from "../contract.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import type { FullLimits } from "../limits.ts";
import type { DialRules } from "../node/dial.ts";
import type { NodePools } from "../node/node-pools.ts";
import type { ForwardedFields } from "./forwarded-fields.ts";

/** What exchanges need from the engine, shared by all of them. */
export interface EngineParts {
  readonly route: ProxyOptions["route"];
  readonly onCompleted: ProxyOptions["onCompleted"];
  readonly errors: CallbackErrors;
  readonly describe: (failure: ProxyFailure) => Reply;
  readonly pools: NodePools;
  readonly dialing: DialRules;
  readonly forwarded: ForwardedFields;
  readonly limits: FullLimits;
  /** Whether a request with this method may be sent again when it is unclear whether it arrived. */
  readonly repeats: (method: string) => boolean;
  readonly newFraming: () => BodyFraming;
  /** Whether the engine is being closed: connections end with their answer. */
  readonly isClosing: () => boolean;
}
