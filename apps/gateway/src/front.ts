import type { ListenAddress } from "@rollcall/proxy";

import type { GatewayConfig } from "./config/gateway-config.ts";
import type { WorkerNumbers } from "./metrics/metrics-contract.ts";
import type { GatewayState } from "./state.ts";

/** What takes the requests: the listeners of this process, or worker processes that have them. */
export interface Front {
  /** Addresses bound, in the order of `listen`. */
  readonly addresses: readonly ListenAddress[];
  /** Requests being served now. */
  readonly inFlight: number;
  /** Worker processes; `undefined` when this process serves alone. */
  readonly workers?: FrontWorkers | undefined;
  /**
   * First step towards another configuration: gets hold of the addresses it wants and that are not held
   * yet. What serves now is not touched.
   *
   * @throws ListenError when an address cannot be had; nothing of this step is left then.
   */
  claim(config: GatewayConfig): Promise<FrontStep>;
  /** Ends: idle at once, otherwise running requests have `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** Worker processes, for metrics and status. */
export interface FrontWorkers extends WorkerNumbers {
  list(): readonly WorkerStatus[];
}

/** One worker process. */
export interface WorkerStatus {
  readonly worker: number;
  readonly pid: number;
  /** `leaving`: it serves what it has, and takes no more. */
  readonly state: "starting" | "serving" | "leaving";
}

/** A step that was begun; ends with `commit` or with `abandon`. */
export interface FrontStep {
  /** As they will be, in the order of `listen`. */
  readonly addresses: readonly ListenAddress[];
  /**
   * Everything that may still fail; called when `state` is built, before anything goes over to it.
   *
   * @param own  Every address that the gateway listens on, as far as this process knows.
   */
  prepare(state: GatewayState, own: readonly ListenAddress[]): Promise<void>;
  /** Goes over; what is no longer wanted ends once its requests are done. */
  commit(): void;
  /** Undoes {@link Front.claim}. */
  abandon(): Promise<void>;
}
