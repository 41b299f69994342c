import type { Clock } from "./clock.ts";
import type { Instance } from "./instance.ts";
import type { EurekaStatus } from "./status.ts";

/** What happened last to a lease, as a delta tells it. */
export type ActionType = "ADDED" | "MODIFIED" | "DELETED";

/** One registered instance and the time it has left. Times that end in `UnixMs` are for clients to read. */
export interface Lease {
  readonly instance: Instance;
  status: EurekaStatus;
  /** Set through the status endpoint, or by the first registration; survives re-registration. */
  override: EurekaStatus | undefined;
  lastDirtyMs: number;
  lastUpdatedUnixMs: number;
  action: ActionType;
  readonly registeredUnixMs: number;
  /** After a renewal this lies one duration ahead, unless leases are exact. */
  renewedUnixMs: number;
  /** When it was UP for the first time; 0 before. */
  upUnixMs: number;
  /** When it was cancelled; 0 before. */
  evictedUnixMs: number;
  /** Monotonic ms of {@link Lease.renewedUnixMs}, so that a step of the wall clock expires nothing. */
  renewedMs: number;
}

/**
 * Extends a lease. Eureka counts a renewal as if it came one duration later, so a node that renewed once
 * is gone only after twice its duration; clients rely on it, so it stays the default.
 */
export function renewLease(lease: Lease, clock: Clock, exact: boolean): void {
  const bonusMs = exact ? 0 : durationMs(lease);
  lease.renewedMs = clock.monotonicMs() + bonusMs;
  lease.renewedUnixMs = clock.unixMs() + bonusMs;
}

/** Whether the lease has run out. */
export function isExpired(lease: Lease, clock: Clock): boolean {
  return clock.monotonicMs() > lease.renewedMs + durationMs(lease);
}

function durationMs(lease: Lease): number {
  return lease.instance.durationSeconds * 1000;
}
