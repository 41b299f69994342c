import type { ListenAddress } from "@rollcall/proxy";

import type { FrontWorkers } from "../front.ts";
import type { GatewayMetrics } from "../metrics/gateway-metrics.ts";
import type { GatewayState } from "../state.ts";
import type { HealthBoard } from "../upstream/health-board.ts";

/** What the admin listener shows. */
export interface AdminView {
  readonly state: GatewayState;
  readonly metrics: GatewayMetrics;
  /** Addresses of the gateway's own listeners. */
  readonly addresses: readonly ListenAddress[];
  readonly health: HealthBoard;
  /** `undefined` when this process serves alone. */
  readonly workers?: FrontWorkers | undefined;
}
