import type { ListenAddress } from "@rollcall/proxy";

import type { GatewayConfig } from "./config/gateway-config.ts";
import type { Front } from "./front.ts";
import type { Listeners } from "./listeners.ts";
import type { GatewayMetrics } from "./metrics/gateway-metrics.ts";
import type { ConnectRegistry } from "./registry-connection.ts";
import type { RegistryFactories } from "./registry-factory.ts";
import type { TicketSecret } from "./ticket-secret.ts";
import type { HealthBoard } from "./upstream/health-board.ts";
import type { NodeChange } from "./upstream/node-change.ts";

/** What a gateway needs besides its configuration. */
export interface GatewayDeps {
  readonly registries: RegistryFactories;
  /** One line per finished request when `access_log` is on. */
  readonly onAccess?: ((line: AccessLine) => void) | undefined;
  /** How many lines of the log this process has dropped so far. Default: none. */
  readonly droppedLogLines?: (() => number) | undefined;
  /** Nodes that an upstream leaves out because their requests fail, and that come back; a bounded number of times. */
  readonly onNodeChange?: ((change: NodeChange) => void) | undefined;
}

/** One finished request. */
export interface AccessLine {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly elapsedMs: number;
  readonly attempts: number;
  readonly node?: string | undefined;
  readonly route?: string | undefined;
  readonly service?: string | undefined;
  readonly remoteAddress: string;
}

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  /** Addresses bound, in the order of `listen`. */
  readonly addresses: readonly ListenAddress[];
  readonly adminAddress: ListenAddress | undefined;
  readonly config: GatewayConfig;
  /**
   * Goes over to another configuration: builds it in full, then swaps. Running requests finish.
   * Registries whose configuration did not change keep their watches, balancers their turns.
   *
   * @throws {@link ListenError} when a new address is taken; DiscoveryError; an Error when the gateway is about to
   *   end. Nothing changed then.
   */
  reload(config: GatewayConfig): Promise<void>;
  /** Notes a reload that failed before {@link reload}: shown on the status page and in metrics. */
  noteRefusedReload(reason: string): void;
  /** Stops: idle at once, otherwise running requests have `drainMs` (default: `drain_timeout`). */
  close(options?: { readonly drainMs?: number | undefined }): Promise<void>;
}

/** What is different about a gateway that is one of several processes. */
export interface GatewayParts {
  /** Who takes the requests. Default: the listeners of this process. */
  readonly front?:
    | ((listeners: Listeners, metrics: () => GatewayMetrics, health: HealthBoard) => Front)
    | undefined;
  /** What the checks of another process find. Default: this one checks nodes itself. */
  readonly health?: HealthBoard | undefined;
  /** Default: the registries themselves. */
  readonly connect?: ConnectRegistry | undefined;
  /** Addresses that other processes of this gateway listen on. */
  readonly ownElsewhere?: (() => readonly ListenAddress[]) | undefined;
  /** Whether the processes share ports by the kernel's means. Default `false`. */
  readonly reusePort?: boolean | undefined;
  /** Followed, and renewed by others. Default: one of this process's own, renewed every hour. */
  readonly ticketSecret?: TicketSecret | undefined;
  /** How far into its turn each balancer starts, 0 to 1. Default 0. */
  readonly stagger?: number | undefined;
}
