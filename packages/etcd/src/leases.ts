import type { Clock } from "@rollcall/core/adapter";

import type { CallLimits, EtcdClient } from "./client.ts";

/** Longest wait for the end of a lease, in ms: it runs out by itself too. */
const revokeMs = 2_000;
/** Ids a lease had that are remembered, so that a record under one of them is known as ours. */
const maxIds = 16;

/** A registration that has, or will have, a record under a lease. */
export interface LeaseHolder {
  /** Puts the record under the lease's new id. */
  readonly move: (signal: AbortSignal) => Promise<void>;
}

/**
 * The leases of one process: one per TTL, shared by all registrations with it. A lease begins with the first
 * of them and is revoked with the last.
 */
export class Leases {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #byTtl = new Map<number, Lease>();
  readonly #ending = new Set<Promise<void>>();

  constructor(client: EtcdClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The lease for a TTL, until {@link release}. */
  acquire(ttlSeconds: number, holder: LeaseHolder): Lease {
    let lease = this.#byTtl.get(ttlSeconds);
    if (lease === undefined) {
      lease = new Lease(this.#client, this.#clock, ttlSeconds);
      this.#byTtl.set(ttlSeconds, lease);
    }
    lease.holders.add(holder);
    return lease;
  }

  /** Later registrations get another lease as soon as nobody holds this one. */
  release(lease: Lease, holder: LeaseHolder): void {
    lease.holders.delete(holder);
    if (lease.holders.size > 0) return;
    this.#byTtl.delete(lease.ttlSeconds);
    const ending = lease.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /** Resolves when every lease that was released has ended, or could not be ended in time. */
  async settled(): Promise<void> {
    await Promise.all(this.#ending);
  }
}

/** One lease, granted when it is first needed and again after it was lost. */
export class Lease {
  readonly ttlSeconds: number;
  readonly holders: Set<LeaseHolder> = new Set();
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  /** The ids it had, newest last. */
  readonly #ids: bigint[] = [];
  #id: bigint | undefined;
  #keptAtMs = 0;
  #granting: Promise<bigint> | undefined;
  #keeping: Promise<boolean> | undefined;
  readonly #ended = new AbortController();
  #ending: Promise<void> | undefined;

  constructor(client: EtcdClient, clock: Clock, ttlSeconds: number) {
    this.#client = client;
    this.#clock = clock;
    this.ttlSeconds = ttlSeconds;
  }

  /** Undefined before it is granted and after it was lost. */
  get id(): bigint | undefined {
    return this.#id;
  }

  /** A sixth of the TTL for one member, so that a heartbeat has time for another one. */
  get attemptMs(): number {
    return (this.ttlSeconds * 1_000) / 6;
  }

  get #limits(): CallLimits {
    return { signal: this.#ended.signal, attemptMs: this.attemptMs };
  }

  /** Whether this lease has, or once had, the id. */
  has(id: bigint): boolean {
    return this.#ids.includes(id);
  }

  /** The id of the lease that is alive as far as we know; grants one when there is none. */
  async granted(): Promise<bigint> {
    if (this.#id !== undefined) return this.#id;
    // Everybody's, so it hears no caller's signal; the client bounds it.
    this.#granting ??= this.#grant().finally(() => {
      this.#granting = undefined;
    });
    return this.#granting;
  }

  /**
   * Extends it, once for all who ask within a sixth of the TTL; `false` when it was lost. Heartbeats come at
   * a third of the TTL, so it is extended after half of the TTL at the latest.
   */
  async keep(): Promise<boolean> {
    const id = this.#id;
    if (id === undefined) {
      // On its way: whether the record is under it is for its owner to see.
      return this.#granting === undefined ? false : this.#granting.then(() => true);
    }
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#keptAtMs < (this.ttlSeconds * 1_000) / 6) return true;
    this.#keeping ??= this.#client.keepLease(id, this.#limits).finally(() => {
      this.#keeping = undefined;
    });
    const alive = await this.#keeping;
    if (alive) this.#keptAtMs = nowMs;
    else this.lost(id);
    return alive;
  }

  /** The server does not know the id any more. */
  lost(id: bigint): void {
    if (this.#id === id) this.#id = undefined;
  }

  /**
   * Makes sure that no write which was sent under this id and never answered can be done any more: etcd
   * refuses a put under a lease that is not there.
   */
  async fence(id: bigint, limits: CallLimits): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    this.lost(id);
    // The others move over to a new lease first, so that nobody sees their records go. One that cannot will come
    // back with its next heartbeat.
    await Promise.allSettled([...this.holders].map((holder) => holder.move(limits.signal)));
    await this.#client.revokeLease(id, limits);
  }

  /** Revokes it, which removes whatever is still under it. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#ended.abort(new Error("the lease is released"));
    await this.#granting?.catch(() => undefined);
    const id = this.#id;
    if (id === undefined) return;
    this.#id = undefined;
    const signal = AbortSignal.timeout(revokeMs);
    await this.#client.revokeLease(id, { signal }).catch(() => undefined);
  }

  async #grant(): Promise<bigint> {
    const nowMs = this.#clock.monotonicMs();
    const id = await this.#client.grantLease(this.ttlSeconds, this.#limits);
    this.#ids.push(id);
    if (this.#ids.length > maxIds) this.#ids.shift();
    this.#keptAtMs = nowMs;
    this.#id = id;
    return id;
  }
}
