import type { Clock } from "./clock.ts";
import type { Lease } from "./lease.ts";

interface Entry {
  readonly lease: Lease;
  readonly atMs: number;
}

/**
 * The changes of the last minutes: a sliding window, the same for every reader, not "since your last
 * call". Entries point at live leases, so each instance is told once, in its newest state.
 */
export class DeltaLog {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #retentionMs: number;
  readonly #maxEntries: number;
  #incompleteUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, retentionMs: number, maxEntries: number) {
    this.#clock = clock;
    this.#retentionMs = retentionMs;
    this.#maxEntries = maxEntries;
  }

  add(lease: Lease): void {
    this.prune();
    const atMs = this.#clock.monotonicMs();
    // An array, so that no app and id can be mistaken for another pair.
    const key = JSON.stringify([lease.instance.app, lease.instance.id]);
    this.#entries.delete(key);
    if (this.#entries.size >= this.#maxEntries) {
      // A window with a hole would leave readers wrong without their noticing.
      this.#entries.clear();
      this.#incompleteUntilMs = atMs + this.#retentionMs;
    }
    this.#entries.set(key, { lease, atMs });
  }

  /** Drops what has left the window; true when something did. */
  prune(): boolean {
    const oldestMs = this.#clock.monotonicMs() - this.#retentionMs;
    let dropped = false;
    for (const [key, entry] of this.#entries) {
      if (entry.atMs >= oldestMs) break;
      this.#entries.delete(key);
      dropped = true;
    }
    return dropped;
  }

  /** False while changes of the window had to be dropped; readers must then fetch everything. */
  get complete(): boolean {
    return this.#clock.monotonicMs() >= this.#incompleteUntilMs;
  }

  /** Oldest change first. */
  leases(): readonly Lease[] {
    return [...this.#entries.values()].map((entry) => entry.lease);
  }
}
