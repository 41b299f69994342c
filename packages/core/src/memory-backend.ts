import { type Clock, systemClock } from "./adapter/clock.ts";
import { orAborted } from "./adapter/or-aborted.ts";
import { DiscoveryError, type ErrorCode } from "./error.ts";
import type { ServiceNode } from "./node.ts";
import { queryKey } from "./query.ts";
import type { Scope } from "./registry.ts";

/** What a {@link MemoryBackend} stores: a node, its owner and its lease, or anything at all. */
export interface MemoryRecord {
  /** A node as JSON would hold it; whatever cannot become a node is rejected on read. */
  readonly node: unknown;
  /** Changes made by an operator; they win over what the owner says and survive re-registration. */
  readonly override?: Partial<Pick<ServiceNode, "weight" | "status">> | undefined;
  /** Who keeps it alive; undefined: a record without a lease. */
  readonly owner?: string | undefined;
  /** Grows with each entry of the same id: the younger owner has the greater number. */
  readonly epoch?: number | undefined;
  /** When the lease runs out, on the backend's monotonic clock. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * The store that several {@link memoryRegistry} connections share, as several clients share a server.
 *
 * Its methods act behind the registries' backs: what an operator, another client or a failing server
 * would do.
 */
export interface MemoryBackend {
  /** Writes a record as it is. */
  put(service: string, id: string, record: MemoryRecord, scope?: Scope): void;
  get(service: string, id: string, scope?: Scope): MemoryRecord | undefined;
  delete(service: string, id: string, scope?: Scope): void;
  /** Forgets everything, as a server without persistence does when it restarts. */
  wipe(): void;
  /** Every call fails with this code, and watches break, until {@link MemoryBackend.recover}. */
  fail(code: ErrorCode): void;
  /** Calls get no answer until {@link MemoryBackend.recover}; watches stay silent. */
  stall(): void;
  recover(): void;
  /** Calls that reached the store so far. */
  readonly calls: { readonly read: number; readonly watch: number; readonly write: number };
  /** Watches open now. */
  readonly openWatches: number;
}

/** What a connection uses of the store. */
export interface MemoryStore extends MemoryBackend {
  readonly clock: Clock;
  /** Passes when the backend answers; throws or waits when it is made to fail or stall. */
  admit(kind: "read" | "watch" | "write", where: Where, signal: AbortSignal): Promise<void>;
  records(service: string, scope: Scope | undefined): ReadonlyMap<string, MemoryRecord>;
  services(scope: Scope | undefined): string[];
  subscribe(service: string, scope: Scope | undefined, listener: MemoryListener): () => void;
  nextEpoch(): number;
}

/** Hears about one service. */
export interface MemoryListener {
  changed(): void;
  /** The backend broke the watch. */
  failed(code: ErrorCode): void;
}

/** Names a call in the error it may end with. */
export interface Where {
  readonly registry: string;
  readonly operation: string;
}

/** A fresh, empty store for any number of {@link memoryRegistry} connections. */
export function memoryBackend(options: { readonly clock?: Clock | undefined } = {}): MemoryBackend {
  return memoryStore(options.clock ?? systemClock);
}

/** @see memoryBackend */
export function memoryStore(clock: Clock): MemoryStore {
  return new Store(clock);
}

interface Service {
  readonly name: string;
  readonly scopeKey: string;
  readonly records: Map<string, MemoryRecord>;
  /** Cancels the lease of each record that has one. */
  readonly leases: Map<string, () => void>;
}

const nothing: ReadonlyMap<string, MemoryRecord> = new Map();

class Store implements MemoryStore {
  readonly clock: Clock;
  readonly calls = { read: 0, watch: 0, write: 0 };
  readonly #services = new Map<string, Service>();
  readonly #listeners = new Map<string, Set<MemoryListener>>();
  #epoch = 0;
  #failure: ErrorCode | undefined;
  #stalled: PromiseWithResolvers<void> | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get openWatches(): number {
    let count = 0;
    for (const set of this.#listeners.values()) count += set.size;
    return count;
  }

  put(service: string, id: string, record: MemoryRecord, scope?: Scope): void {
    const key = queryKey({ service, scope });
    let entry = this.#services.get(key);
    if (entry === undefined) {
      entry = { name: service, scopeKey: scopeKey(scope), records: new Map(), leases: new Map() };
      this.#services.set(key, entry);
    }
    entry.records.set(id, Object.freeze({ ...record }));
    entry.leases.get(id)?.();
    entry.leases.delete(id);
    if (record.expiresAtMs !== undefined) {
      const leftMs = record.expiresAtMs - this.clock.monotonicMs();
      entry.leases.set(
        id,
        this.clock.after(leftMs, () => this.delete(service, id, scope)),
      );
    }
    this.#changed(key);
  }

  get(service: string, id: string, scope?: Scope): MemoryRecord | undefined {
    return this.#services.get(queryKey({ service, scope }))?.records.get(id);
  }

  delete(service: string, id: string, scope?: Scope): void {
    const key = queryKey({ service, scope });
    const entry = this.#services.get(key);
    entry?.leases.get(id)?.();
    entry?.leases.delete(id);
    if (entry?.records.delete(id) !== true) return;
    if (entry.records.size === 0) this.#services.delete(key);
    this.#changed(key);
  }

  wipe(): void {
    for (const entry of this.#services.values()) {
      for (const cancel of entry.leases.values()) cancel();
    }
    this.#services.clear();
    this.#breakWatches("UNAVAILABLE");
  }

  fail(code: ErrorCode): void {
    this.#failure = code;
    this.#breakWatches(code);
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  stall(): void {
    this.#stalled ??= Promise.withResolvers<void>();
  }

  recover(): void {
    this.#failure = undefined;
    const stalled = this.#stalled;
    this.#stalled = undefined;
    stalled?.resolve();
    // What was kept back during the stall is told now.
    if (stalled !== undefined) for (const key of this.#listeners.keys()) this.#changed(key);
  }

  async admit(kind: "read" | "watch" | "write", where: Where, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.calls[kind] += 1;
    if (this.#stalled !== undefined) await orAborted(this.#stalled.promise, signal);
    if (this.#failure !== undefined) {
      throw new DiscoveryError({ code: this.#failure, ...where, reason: "made to fail" });
    }
  }

  records(service: string, scope: Scope | undefined): ReadonlyMap<string, MemoryRecord> {
    return this.#services.get(queryKey({ service, scope }))?.records ?? nothing;
  }

  services(scope: Scope | undefined): string[] {
    const wanted = scopeKey(scope);
    return [...this.#services.values()]
      .filter((entry) => entry.scopeKey === wanted)
      .map((entry) => entry.name)
      .sort((a, b) => (a < b ? -1 : 1));
  }

  subscribe(service: string, scope: Scope | undefined, listener: MemoryListener): () => void {
    const key = queryKey({ service, scope });
    const set = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0) this.#listeners.delete(key);
    };
  }

  nextEpoch(): number {
    this.#epoch += 1;
    return this.#epoch;
  }

  #changed(key: string): void {
    if (this.#stalled !== undefined) return;
    for (const listener of this.#listeners.get(key) ?? []) listener.changed();
  }

  #breakWatches(code: ErrorCode): void {
    for (const set of this.#listeners.values()) {
      for (const listener of set) listener.failed(code);
    }
  }
}

function scopeKey(scope: Scope | undefined): string {
  return queryKey({ service: "", scope });
}
