import { createBackoff } from "./adapter/backoff.ts";
import { type Clock, sleep } from "./adapter/clock.ts";
import { withDeadline } from "./adapter/deadline.ts";
import { createLiveValue, type LiveValue } from "./adapter/live-value.ts";
import { orAborted } from "./adapter/or-aborted.ts";
import { publishDiscovery } from "./channel.ts";
import { diff } from "./diff.ts";
import { asDiscoveryError, DiscoveryError } from "./error.ts";
import { foldChange, type FoldedList } from "./fold-change.ts";
import { type FoldedSet, foldSet, mergeSorted, sameElements } from "./fold.ts";
import { isRoutable, type ServiceNode } from "./node.ts";
import {
  onDue,
  onSet,
  onVerified,
  type Protection,
  type ProtectionPolicy,
  unprotected,
} from "./protection.ts";
import type { NodeSet, Registry, RejectedRecord, ServiceQuery } from "./registry.ts";
import type { DiskCopy } from "./disk-copy.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a cell needs to know, all defaults filled in. */
export interface CellOptions {
  readonly protection: ProtectionPolicy | undefined;
  readonly backoff: { readonly baseMs: number; readonly capMs: number };
  /** Wait after a refusal that asking again does not mend, in ms. */
  readonly refusedMs: number;
  /** Deadline of a verifying read, in ms. */
  readonly readTimeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const empty: readonly never[] = Object.freeze([]);

/**
 * The one place where a service's state lives: node sets come in from the registry's watch, are folded
 * and protected, and leave as snapshots. All views of the query read from it.
 */
export class Cell {
  readonly live: LiveValue<Snapshot>;
  readonly #registry: Registry;
  readonly #query: ServiceQuery;
  readonly #options: CellOptions;
  readonly #disk: DiskCopy | undefined;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #protection: Protection = unprotected;
  /** The registry's newest whole set, without held nodes, sorted by id. */
  #present: readonly ServiceNode[] = empty;
  #rejected: readonly RejectedRecord[] = empty;
  /** The newest set as it came; undefined when nodes were left out of it. */
  #folded: FoldedList | undefined;
  /** Why the watch failed since the newest set; undefined while it stands. */
  #interruption: DiscoveryError | undefined;
  #cancelDue: (() => void) | undefined;
  #verifying: AbortController | undefined;

  constructor(
    registry: Registry,
    query: ServiceQuery,
    options: CellOptions,
    disk: DiskCopy | undefined,
  ) {
    this.#registry = registry;
    this.#query = query;
    this.#options = options;
    this.#disk = disk;
    this.live = createLiveValue<Snapshot>(
      Object.freeze({
        query,
        registry: registry.name,
        origin: "none",
        sequence: 0,
        changedAt: options.clock.unixMs(),
        state: "pending",
        nodes: empty,
        all: empty,
        held: empty,
        rejected: empty,
      }),
    );
    disk?.load((stored) => this.#remember(stored.nodes, stored.savedAt));
    this.#done = this.#follow();
  }

  /** Ends the watch and every timer; views keep the last snapshot. Resolves when nothing runs. */
  async stop(): Promise<void> {
    this.#stopping.abort(this.#error("CLOSED", "watch", "the last view was disposed"));
    this.#cancelDue?.();
    this.#verifying?.abort(this.#stopping.signal.reason);
    this.live.end();
    await this.#done;
    await this.#disk?.close();
  }

  /** The watch, for ever: attempt, fail, wait, attempt again with a full re-read. */
  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, random, refusedMs } = this.#options;
    const capMs = Math.min(
      this.#options.backoff.capMs,
      this.#registry.traits.retryCapMs ?? Infinity,
    );
    const { baseMs } = this.#options.backoff;
    const backoff = createBackoff({ baseMs: Math.min(baseMs, capMs), capMs, random });
    const { name: registry } = this.#registry;
    publishDiscovery({ kind: "watch_started", registry, query: this.#query });
    while (!signal.aborted) {
      let healthySinceMs: number | undefined;
      try {
        await forEach(this.#registry.watch(this.#query, signal), signal, (set) => {
          healthySinceMs ??= clock.monotonicMs();
          this.#accept(set);
        });
        throw this.#error("PROTOCOL", "watch", "the registry ended the watch");
      } catch (thrown) {
        if (signal.aborted) break;
        const error = asDiscoveryError(thrown, this.#where("watch"));
        const healthyMs = healthySinceMs === undefined ? 0 : clock.monotonicMs() - healthySinceMs;
        const waitMs = backoff.failed(healthyMs);
        const retryInMs = error.retryable ? waitMs : refusedMs * (1 - random() / 2);
        this.#interrupt(error);
        publishDiscovery({ kind: "watch_failed", registry, query: this.#query, error, retryInMs });
        await sleep(retryInMs, signal, clock).catch(() => undefined);
      }
    }
    publishDiscovery({ kind: "watch_ended", registry, query: this.#query });
  }

  #accept(set: NodeSet): void {
    const { protection: policy, clock } = this.#options;
    const before = this.live.current;
    const { all: present, rejected } = this.#fold(before.all, set);
    const afterOutage = this.#interruption !== undefined;
    const slowStart = before.origin === "disk" && !afterOutage;
    if (policy !== undefined && before.origin !== "none") {
      // A disk copy that was only shown because the first answer took long is no recent past.
      this.#protection = onSet(
        slowStart ? unprotected : this.#protection,
        {
          atMs: clock.monotonicMs(),
          present,
          known: slowStart ? empty : before.all,
          afterOutage,
        },
        policy,
      );
    } else if (policy !== undefined) {
      const first = { atMs: clock.monotonicMs(), present, known: empty, afterOutage: false };
      this.#protection = onSet(unprotected, first, policy);
    }
    this.#interruption = undefined;
    this.#present = present;
    this.#rejected = rejected;
    this.#publish("fresh", "registry");
    this.#disk?.save(this.live.current.all);
    this.#afterProtection();
  }

  /** Whole, or by what changed since the set before when that is all there is to know. */
  #fold(known: readonly ServiceNode[], set: NodeSet): FoldedSet {
    const isClean = (set.rejected ?? empty).length === 0;
    const all =
      isClean && this.#folded?.all === known ? foldChange(this.#folded, set.nodes) : undefined;
    const folded =
      all === undefined ? foldSet(known, set, this.#where("decode")) : { all, rejected: empty };
    // A copy: the list that came may be changed by whoever made it.
    this.#folded =
      folded.rejected.length === 0 ? { given: set.nodes.slice(), all: folded.all } : undefined;
    return folded;
  }

  /** Starts what the protection's phase asks for and stops what it no longer does. */
  #afterProtection(): void {
    const { phase, decideAtMs } = this.#protection;
    this.#cancelDue?.();
    this.#cancelDue = undefined;
    if (phase === "waiting" && decideAtMs !== undefined) {
      const { clock } = this.#options;
      this.#cancelDue = clock.after(decideAtMs - clock.monotonicMs(), () => {
        this.#protection = onDue(this.#protection);
        this.#afterProtection();
      });
    }
    if (phase !== "verifying") {
      this.#verifying?.abort(new Error("nothing is left to verify"));
      this.#verifying = undefined;
    } else if (this.#verifying === undefined && this.#interruption === undefined) {
      this.#verifying = new AbortController();
      void this.#verify(this.#verifying.signal);
    }
  }

  /** Reads until the registry has told whether the held nodes are gone. */
  async #verify(signal: AbortSignal): Promise<void> {
    const { clock, random, readTimeoutMs: timeoutMs } = this.#options;
    const backoff = createBackoff({ random, capMs: this.#options.backoff.capMs });
    while (!signal.aborted && this.#protection.phase === "verifying") {
      try {
        const set = await withDeadline(
          { ...this.#where("read"), timeoutMs, signal, clock },
          (own) => this.#registry.read(this.#query, own),
        );
        if (signal.aborted) return;
        const answered = foldSet(this.live.current.all, set, this.#where("decode")).all;
        const count = this.#present.filter(isRoutable).length;
        this.#protection = onVerified(this.#protection, answered, count, clock.monotonicMs());
        this.#publish("fresh", "registry");
        this.#disk?.save(this.live.current.all);
      } catch (thrown) {
        if (signal.aborted) return;
        // Unknown is not empty: the nodes stay held, and the next try decides.
        const error = asDiscoveryError(thrown, this.#where("read"));
        const { name: registry } = this.#registry;
        publishDiscovery({ kind: "verify_failed", registry, query: this.#query, error });
      }
      if (this.#protection.phase !== "verifying") break;
      await sleep(backoff.failed(), signal, clock).catch(() => undefined);
    }
    if (!signal.aborted) this.#verifying = undefined;
  }

  #interrupt(cause: DiscoveryError): void {
    this.#interruption = cause;
    this.#verifying?.abort(cause);
    this.#verifying = undefined;
    const shown = this.#disk?.needed();
    if (shown === undefined) this.#publishInterruption();
    // Whoever awaits `ready` must not hear of a refusal that last time's set is about to make bearable.
    else void shown.then(() => this.#publishInterruption());
  }

  #publishInterruption(): void {
    if (this.#interruption === undefined) return;
    const { state, origin } = this.live.current;
    this.#publish(state === "pending" ? "pending" : "stale", origin, this.#interruption);
  }

  /** Last time's set, shown as stale while the registry has not answered. */
  #remember(nodes: readonly ServiceNode[], savedAt: number): void {
    if (this.live.current.state !== "pending" || this.#stopping.signal.aborted) return;
    const now = this.#options.clock.monotonicMs();
    this.#present = foldSet(empty, { nodes }, this.#where("decode")).all;
    if (this.#options.protection !== undefined) {
      const first = { atMs: now, present: this.#present, known: empty, afterOutage: false };
      this.#protection = onSet(unprotected, first, this.#options.protection);
    }
    this.#publish("stale", "disk", this.#interruption, savedAt);
  }

  /** Makes the next snapshot, unless it would say what the last one says. */
  #publish(
    state: Snapshot["state"],
    origin: Snapshot["origin"],
    cause?: DiscoveryError,
    knownAt?: number,
  ): void {
    const before = this.live.current;
    const now = this.#options.clock.unixMs();
    const heldNow = [...this.#protection.held.values()];
    const held = sameElements(before.held, heldNow) ? before.held : Object.freeze(heldNow);
    const merged = mergeSorted(this.#present, held);
    const all = sameElements(before.all, merged) ? before.all : Object.freeze(merged);
    const routable = all === before.all ? before.nodes : all.filter(isRoutable);
    const nodes = sameElements(before.nodes, routable) ? before.nodes : Object.freeze(routable);
    const rejected = sameRejections(before.rejected, this.#rejected)
      ? before.rejected
      : this.#rejected;
    if (
      state === before.state &&
      origin === before.origin &&
      all === before.all &&
      held === before.held &&
      rejected === before.rejected &&
      cause?.code === before.cause?.code &&
      cause?.message === before.cause?.message
    ) {
      return;
    }
    const staleSince = state === "stale" ? (knownAt ?? before.staleSince ?? now) : undefined;
    this.live.set(
      Object.freeze({
        query: this.#query,
        registry: this.#registry.name,
        origin,
        sequence: before.sequence + 1,
        changedAt:
          all === before.all && before.origin !== "none" ? before.changedAt : (knownAt ?? now),
        state,
        staleSince,
        cause,
        nodes,
        all,
        held,
        rejected,
      }),
    );
    if (all !== before.all || held !== before.held || rejected !== before.rejected) {
      publishDiscovery(() => {
        const { added, updated, removed } = diff(before.all, all);
        return {
          kind: "nodes_changed",
          registry: this.#registry.name,
          query: this.#query,
          added,
          updated,
          removed,
          held,
          rejected,
        };
      });
    }
  }

  #where(verb: string): { registry: string; operation: string } {
    return { registry: this.#registry.name, operation: `${verb} ${this.#query.service}` };
  }

  #error(code: "CLOSED" | "PROTOCOL", verb: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code, ...this.#where(verb), reason });
  }
}

/** Like `for await`, but an abort ends it even when the iterator does not hear its signal. */
async function forEach<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
  body: (value: T) => void,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      // One race a round: a promise that lives as long as the watch would collect every loser.
      const next = await orAborted(iterator.next(), signal);
      // A value that had arrived when the abort came must not start anything any more.
      signal.throwIfAborted();
      if (next.done === true) {
        finished = true;
        return;
      }
      body(next.value);
    }
  } finally {
    // Not awaited: an iterator that hangs must not hold up the one who stops.
    if (!finished) void close(iterator);
  }
}

async function close(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The watch is over; what its end has to say does not matter any more.
  }
}

function sameRejections(a: readonly RejectedRecord[], b: readonly RejectedRecord[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      (record, index) =>
        record.key === b[index]?.key && record.error.message === b[index]?.error.message,
    )
  );
}
