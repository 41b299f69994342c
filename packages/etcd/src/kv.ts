import { DiscoveryError, type WithSignal } from "@rollcall/core";
import { createBackoff, holdProcess, sleep } from "@rollcall/core/adapter";

import { EtcdClient } from "./client.ts";
import { type Followed, type FollowedSet, follow } from "./follow.ts";
import { type KeyValue, prefixRange } from "./messages.ts";
import { type EtcdConnectionOptions, type ResolvedOptions, resolveOptions } from "./options.ts";

export type { EtcdConnectionOptions, EtcdTimeouts, EtcdTls } from "./options.ts";

/** One key and what it holds. */
export interface KvEntry {
  /** With the prefix; bytes that are no UTF-8 show as U+FFFD. */
  readonly key: string;
  /** Not to be changed. */
  readonly value: Buffer;
  /** Revision of its last change. */
  readonly modRevision: number;
}

/** Everything under a prefix, at one revision. */
export interface KvSet {
  /** In the order of their keys' bytes. */
  readonly entries: readonly KvEntry[];
  /** Of the store, as far as this prefix is concerned. */
  readonly revision: number;
}

/** What a watcher knows of a prefix now. */
export interface KvSnapshot extends KvSet {
  /** `pending`: nothing is known yet. `stale`: the last good set, of before `cause`. */
  readonly state: "pending" | "fresh" | "stale";
  /** Why it is not fresh. */
  readonly cause?: DiscoveryError | undefined;
}

/** Reads and watches keys of an etcd cluster. */
export interface EtcdKv extends AsyncDisposable {
  /**
   * Everything under a prefix, at one revision; linearizable.
   *
   * The prefix is taken as it is: `a/` ends with a slash so that `ab` is not meant.
   *
   * @throws {@link DiscoveryError}; the signal's reason.
   */
  range(prefix: string, options?: WithSignal): Promise<KvSet>;
  /**
   * Follows a prefix until the signal is aborted: the whole set, and the whole set again on each change; whoever reads
   * late gets the newest. A fault makes it `stale` and never changes `entries`; it repairs itself with
   * jittered, capped backoff and a full re-read.
   *
   * @throws The signal's reason; {@link DiscoveryError} `INVALID`, `CLOSED`.
   */
  watch(prefix: string, options?: WithSignal): AsyncIterable<KvSnapshot>;
}

/** How often wrong rights are tried again, in ms: they do not mend by asking often. */
const slowMs = 10_000;
const pending: KvSet = Object.freeze({ entries: Object.freeze([]), revision: 0 });

/**
 * Keys and values of a cluster, with the guarantees of the registry. Opens no connection before it is used.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the option, its value and what it must be.
 */
export function etcdKv(options: EtcdConnectionOptions): EtcdKv {
  return new Kv(resolveOptions(options));
}

class Kv implements EtcdKv {
  readonly #options: ResolvedOptions;
  readonly #client: EtcdClient;
  readonly #closing = new AbortController();

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#client = new EtcdClient(options);
  }

  async range(prefix: string, { signal }: WithSignal = {}): Promise<KvSet> {
    const { range, operation } = this.#followed(prefix, "range");
    const linked = this.#linked(signal);
    linked.throwIfAborted();
    const { header, kvs } = await this.#client.range({ range, operation }, linked);
    const set = new EntrySet();
    set.replace(kvs);
    return set.at(header.revision);
  }

  async *watch(
    prefix: string,
    { signal }: WithSignal = {},
  ): AsyncGenerator<KvSnapshot, void, void> {
    const followed = this.#followed(prefix, "watch");
    const linked = this.#linked(signal);
    linked.throwIfAborted();
    const { random, clock } = this.#options;
    const backoff = createBackoff({ baseMs: 50, capMs: 5_000, random });
    let last: KvSet | undefined;
    for (;;) {
      const startedMs = clock.monotonicMs();
      let failure: DiscoveryError;
      try {
        const set = new EntrySet();
        for await (const revision of follow(this.#client, followed, set, linked)) {
          last = set.at(revision);
          yield Object.freeze({ ...last, state: "fresh" as const });
        }
        return;
      } catch (thrown) {
        linked.throwIfAborted();
        if (!(thrown instanceof DiscoveryError)) throw thrown;
        failure = thrown;
      }
      const state = last === undefined ? "pending" : "stale";
      yield Object.freeze({ ...(last ?? pending), state, cause: failure });
      const waitMs = backoff.failed(clock.monotonicMs() - startedMs);
      // Somebody waits for the next set.
      const release = holdProcess();
      try {
        await sleep(failure.retryable ? waitMs : Math.max(waitMs, slowMs), linked, clock);
      } finally {
        release();
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    const reason = new DiscoveryError({
      code: "CLOSED",
      registry: this.#options.name,
      operation: "use",
      reason: "it is disposed",
    });
    this.#closing.abort(reason);
    this.#client.close(reason);
    return Promise.resolve();
  }

  #followed(prefix: string, verb: string): Followed {
    const { name: registry, maxSetBytes } = this.#options;
    const given: unknown = prefix;
    if (typeof given !== "string" || !given.isWellFormed()) {
      const reason = "prefix must be a well-formed text";
      throw new DiscoveryError({ code: "INVALID", registry, operation: verb, reason });
    }
    const operation = `${verb} ${JSON.stringify(prefix).slice(1, -1)}`;
    return { range: prefixRange(prefix), operation, registry, maxSetBytes };
  }

  #linked(signal: AbortSignal | undefined): AbortSignal {
    const own = this.#closing.signal;
    return signal === undefined ? own : AbortSignal.any([signal, own]);
  }
}

class EntrySet implements FollowedSet {
  #entries = new Map<string, KvEntry>();

  replace(kvs: readonly KeyValue[]): void {
    this.#entries = new Map();
    for (const kv of kvs) this.put(kv);
  }

  put({ key, value, modRevision }: KeyValue): void {
    const entry = Object.freeze({ key: key.toString("utf8"), value, modRevision });
    this.#entries.set(key.toString("latin1"), entry);
  }

  remove(key: Buffer): void {
    this.#entries.delete(key.toString("latin1"));
  }

  at(revision: number): KvSet {
    const entries = [...this.#entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, entry]) => entry);
    return Object.freeze({ entries: Object.freeze(entries), revision });
  }
}
