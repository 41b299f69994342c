import type { ListenAddress } from "@rollcall/proxy";

import type { GatewayConfig } from "./config/gateway-config.ts";
import type { GatewayState } from "./state.ts";

/** What takes the requests: the listeners of this process, or worker processes that have them. */
export interface Front {
  /** Addresses bound, in the order of `listen`. */
  readonly addresses: readonly ListenAddress[];
  /** Requests being served now. */
  readonly inFlight: number;
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

/** A step that was begun; ends with `commit` or with `abandon`. */
export interface FrontStep {
  /** As they will be, in the order of `listen`. */
  readonly addresses: readonly ListenAddress[];
  /** Everything that may still fail; called when `state` is built, before anything goes over to it. */
  prepare(state: GatewayState): Promise<void>;
  /** Goes over; what is no longer wanted ends once its requests are done. */
  commit(): void;
  /** Undoes {@link Front.claim}. */
  abandon(): Promise<void>;
}
