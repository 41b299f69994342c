import type { ServiceNode } from "../node.ts";
import type { Registration, WithSignal } from "../registry.ts";
import type { Clock } from "./clock.ts";

/**
 * The wire calls of one registration. Each is one attempt, is given a signal that carries the
 * deadline, and throws {@link DiscoveryError}. They never run at the same time.
 */
export interface RecordCalls {
  /**
   * Makes the backend hold `node` under our ownership, whether or not a record is there.
   * Idempotent: it may be repeated after a time-out with an unknown outcome.
   */
  readonly put: (node: ServiceNode, signal: AbortSignal) => Promise<void>;
  /**
   * Extends the lease and makes sure the record is still ours: `gone` when it must be put again.
   *
   * @throws {@link DiscoveryError} `CONFLICT` when another live owner holds the id.
   */
  readonly renew: (node: ServiceNode, signal: AbortSignal) => Promise<"held" | "gone">;
  /** Removes the record if it is ours; a record that is not there is a success. */
  readonly remove: (node: ServiceNode, signal: AbortSignal) => Promise<void>;
  /** Brings a held record from `previous` to `node`. Default: `put`. */
  readonly change?:
    | ((node: ServiceNode, previous: ServiceNode, signal: AbortSignal) => Promise<void>)
    | undefined;
}

/** What `keepRegistered` keeps, and at what pace. */
export interface KeepRegisteredOptions extends RecordCalls, WithSignal {
  /** Registry name for errors and events. */
  readonly registry: string;
  readonly node: ServiceNode;
  /** How long the backend keeps the record without a heartbeat, in ms. Heartbeats come at a third. */
  readonly ttlMs: number;
  /** Deadline of each call, in ms; of a removal at least 1 000. Default: a third of the TTL, at most 5 000. */
  readonly callTimeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** Called once when the registration is closed, before its last call to the backend. */
  readonly onClosed?: ((registration: Registration) => void) | undefined;
}
