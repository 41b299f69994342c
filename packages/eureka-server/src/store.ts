import { changeOf, type EurekaChange, type EurekaChangeType } from "./change.ts";
import type { Clock } from "./clock.ts";
import { DeltaLog } from "./delta-log.ts";
import type { Instance } from "./instance.ts";
import { isExpired, renewLease, type Lease } from "./lease.ts";
import { Refusal } from "./refusal.ts";
import { RenewalRate } from "./renewal-rate.ts";
import { effectiveStatus, type EurekaStatus } from "./status.ts";

/** What the store needs to know of the server's options. */
export interface StoreOptions {
  readonly clock: Clock;
  readonly exactLeases: boolean;
  readonly deltaRetentionMs: number;
  readonly selfPreservation: boolean;
  readonly maxNodes: number;
  readonly maxMetadataBytes: number;
  readonly onChange: (change: EurekaChange) => void;
}

/** The registry itself: applications, their leases, and Eureka's rules for them. Knows no HTTP. */
export class Store {
  readonly #options: StoreOptions;
  readonly #apps = new Map<string, Map<string, Lease>>();
  #count = 0;
  #revision = 0;
  #deltas: DeltaLog;
  #rate: RenewalRate;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#deltas = this.#newDeltaLog();
    this.#rate = new RenewalRate(options.clock);
  }

  /** Grows with each change that a reader can see; renewals are not among them, as in the real server. */
  get revision(): number {
    this.#prune();
    return this.#revision;
  }

  /** Applications in the order of their first registration; none is empty. */
  applications(): ReadonlyMap<string, ReadonlyMap<string, Lease>> {
    return this.#apps;
  }

  find(app: string, id: string): Lease | undefined {
    return this.#apps.get(app)?.get(id);
  }

  /** The changes of the window, oldest first; `undefined` when only a full read can be right. */
  changes(): readonly Lease[] | undefined {
    this.#prune();
    return this.#deltas.complete ? this.#deltas.leases() : undefined;
  }

  /**
   * Adds a lease or replaces the one of the same id. A stored copy with a newer `lastDirtyTimestamp` than
   * the posted one is kept, with a new lease; the poster is not told.
   */
  register(posted: Instance): void {
    this.#checkMetadata(posted.metadata);
    const existing = this.find(posted.app, posted.id);
    if (existing === undefined && this.#count >= this.#options.maxNodes) {
      throw new Refusal(507, `the registry is full: ${this.#options.maxNodes} nodes (maxNodes)`);
    }
    if (existing !== undefined && existing.lastDirtyMs > posted.lastDirtyMs) {
      this.#replaceLease(existing, existing.instance);
      return;
    }
    const { overriddenStatus } = posted;
    const override =
      existing?.override ?? (overriddenStatus === "UNKNOWN" ? undefined : overriddenStatus);
    this.#addLease(posted, existing, posted.status, override, posted.lastDirtyMs);
  }

  /** A heartbeat; false when the node must register (again): unknown, or its status is UNKNOWN. */
  renew(app: string, id: string): boolean {
    const lease = this.find(app, id);
    if (lease === undefined) return false;
    const status = effectiveStatus(lease.status, lease.override, lease.status);
    if (status === "UNKNOWN") return false;
    lease.status = status;
    this.#rate.renewed();
    this.#renew(lease);
    return true;
  }

  cancel(app: string, id: string): boolean {
    const lease = this.find(app, id);
    if (lease === undefined) return false;
    this.#remove(lease, "left");
    return true;
  }

  /** Puts an override in place; nothing but a renewal when the node has that status already. */
  overrideStatus(lease: Lease, status: EurekaStatus, lastDirtyMs: number | undefined): void {
    this.#renew(lease);
    if (lease.status === status) return;
    lease.override = status;
    this.#setStatus(lease, status, lastDirtyMs);
  }

  /** Takes an override away; without one nothing but a renewal. */
  clearOverride(lease: Lease, status: EurekaStatus, lastDirtyMs: number | undefined): void {
    this.#renew(lease);
    if (lease.override === undefined) return;
    lease.override = undefined;
    this.#setStatus(lease, status, lastDirtyMs);
  }

  /** Adds or overwrites metadata; keys are never removed. The lease starts anew, as after a registration. */
  mergeMetadata(lease: Lease, entries: Iterable<readonly [string, string]>): void {
    const metadata = new Map([...lease.instance.metadata, ...entries]);
    this.#checkMetadata(metadata);
    this.#replaceLease(lease, { ...lease.instance, metadata });
  }

  /** Removes every lease that has run out, unless self-preservation holds them. */
  evict(): void {
    const { clock, selfPreservation } = this.#options;
    if (selfPreservation && !this.#rate.allowsExpiry(this.#count)) return;
    for (const leases of this.#apps.values()) {
      for (const lease of leases.values()) {
        if (isExpired(lease, clock)) this.#remove(lease, "expired");
      }
    }
  }

  /** Forgets everything, as a restart would; tells nobody. */
  wipe(): void {
    this.#apps.clear();
    this.#count = 0;
    this.#revision += 1;
    this.#deltas = this.#newDeltaLog();
    this.#rate = new RenewalRate(this.#options.clock);
  }

  // What leaves the window changes the delta that readers see.
  #prune(): void {
    if (this.#deltas.prune()) this.#revision += 1;
  }

  #newDeltaLog(): DeltaLog {
    const { clock, deltaRetentionMs, maxNodes } = this.#options;
    // Twice the nodes: each of them may have replaced another within one window.
    return new DeltaLog(clock, deltaRetentionMs, 2 * maxNodes);
  }

  #replaceLease(lease: Lease, instance: Instance): void {
    this.#addLease(instance, lease, lease.status, lease.override, lease.lastDirtyMs);
  }

  #addLease(
    instance: Instance,
    existing: Lease | undefined,
    status: EurekaStatus,
    override: EurekaStatus | undefined,
    lastDirtyMs: number,
  ): void {
    const { clock } = this.#options;
    const nowUnixMs = clock.unixMs();
    const effective = effectiveStatus(status, override, existing?.status);
    const lease: Lease = {
      instance,
      status: effective,
      override,
      lastDirtyMs,
      lastUpdatedUnixMs: nowUnixMs,
      action: "ADDED",
      registeredUnixMs: nowUnixMs,
      renewedUnixMs: nowUnixMs,
      upUnixMs: existing?.upUnixMs || (effective === "UP" ? nowUnixMs : 0),
      evictedUnixMs: 0,
      renewedMs: clock.monotonicMs(),
    };
    const leases = this.#apps.get(instance.app) ?? new Map<string, Lease>();
    this.#apps.set(instance.app, leases);
    leases.set(instance.id, lease);
    if (existing === undefined) {
      this.#count += 1;
      this.#changed(lease, "registered");
    } else {
      this.#changed(lease, existing.status === effective ? "updated" : "status");
    }
  }

  #setStatus(lease: Lease, status: EurekaStatus, lastDirtyMs: number | undefined): void {
    const { clock } = this.#options;
    const changed = lease.status !== status;
    lease.status = status;
    if (status === "UP" && lease.upUnixMs === 0) lease.upUnixMs = clock.unixMs();
    lease.lastDirtyMs = Math.max(lease.lastDirtyMs, lastDirtyMs ?? 0);
    lease.action = "MODIFIED";
    lease.lastUpdatedUnixMs = clock.unixMs();
    this.#changed(lease, changed ? "status" : "updated");
  }

  #remove(lease: Lease, type: "left" | "expired"): void {
    const { app, id } = lease.instance;
    const leases = this.#apps.get(app);
    leases?.delete(id);
    if (leases?.size === 0) this.#apps.delete(app);
    this.#count -= 1;
    lease.evictedUnixMs = this.#options.clock.unixMs();
    lease.lastUpdatedUnixMs = lease.evictedUnixMs;
    lease.action = "DELETED";
    this.#changed(lease, type);
  }

  #changed(lease: Lease, type: EurekaChangeType): void {
    this.#deltas.add(lease);
    this.#revision += 1;
    this.#options.onChange(changeOf(type, lease));
  }

  #renew(lease: Lease): void {
    renewLease(lease, this.#options.clock, this.#options.exactLeases);
  }

  #checkMetadata(metadata: ReadonlyMap<string, string>): void {
    const { maxMetadataBytes } = this.#options;
    let bytes = 0;
    for (const [key, value] of metadata) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    if (bytes > maxMetadataBytes) {
      throw new Refusal(
        413,
        `metadata of ${bytes} bytes; at most ${maxMetadataBytes} (maxMetadataBytes)`,
      );
    }
  }
}
