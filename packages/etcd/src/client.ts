import { DiscoveryError } from "@rollcall/core";

import {
  type Header,
  type KeyRange,
  type KeyValue,
  leaseGrantRequest,
  leaseIdRequest,
  rangeRequest,
  readLease,
  readRange,
  readTxn,
  type TxnAnswer,
  txnRequest,
  type Write,
} from "./messages.ts";
import type { ResolvedOptions } from "./options.ts";
import { failureBehind, headersOf, readOr, Rpc } from "./rpc.ts";
import { status } from "./rpc-failure.ts";
import { type WatchHandler, WatchStream } from "./watch-stream.ts";

/** A set of records as it was at one revision. */
export interface RangeSet {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
}

/** What to read. */
export interface RangeQuery {
  readonly range: KeyRange;
  /** For errors: `read /rollcall/orders/`. */
  readonly operation: string;
  readonly keysOnly?: boolean | undefined;
}

/** How long one call may go on. */
export interface CallLimits {
  readonly signal: AbortSignal;
  /** For one member, in ms, if less than `requestMs`. */
  readonly attemptMs?: number | undefined;
}

const methods = {
  range: "/etcdserverpb.KV/Range",
  txn: "/etcdserverpb.KV/Txn",
  grant: "/etcdserverpb.Lease/LeaseGrant",
  revoke: "/etcdserverpb.Lease/LeaseRevoke",
  keepAlive: "/etcdserverpb.Lease/LeaseKeepAlive",
};

/** Rounds of a paged read that begin again because the revision they read at was compacted. */
const maxRounds = 3;

/**
 * etcd's calls as far as they are needed; all throw {@link DiscoveryError} or the signal's reason. Knows keys
 * and bytes, not nodes. Opens no connection before it is used.
 */
export class EtcdClient {
  readonly #options: ResolvedOptions;
  readonly #rpc: Rpc;
  #watches: WatchStream | undefined;
  /** Shrinks when an answer was too large. */
  #pageSize: number;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#rpc = new Rpc(options);
    this.#pageSize = options.pageSize;
  }

  /** All records of a range at one revision, in pages; linearizable. */
  async range(query: RangeQuery, signal: AbortSignal): Promise<RangeSet> {
    for (let round = 1; ; round += 1) {
      try {
        return await this.#allPages(query, signal);
      } catch (thrown) {
        // The revision of the first page was compacted before the last one was read.
        if (failureBehind(thrown)?.code !== status.outOfRange || round === maxRounds) throw thrown;
      }
    }
  }

  /** One record; undefined when there is none. */
  async get(key: Buffer, operation: string, limits: CallLimits): Promise<KeyValue | undefined> {
    const request = rangeRequest({ key });
    const answer = await this.#rpc.call({ method: methods.range, request, operation, ...limits });
    return readOr(() => readRange(answer), this.#where(operation)).kvs[0];
  }

  /**
   * Writes when the key is at `modRevision` (0: not there), else tells what is there.
   *
   * Tried once: after a failure nobody knows whether it was done, or still will be, and only the caller
   * can say what that means.
   */
  async writeIf(
    key: Buffer,
    modRevision: number,
    write: Write,
    operation: string,
    limits: CallLimits,
  ): Promise<TxnAnswer> {
    const request = txnRequest(key, modRevision, write);
    const call = { method: methods.txn, request, operation, attempts: 1, ...limits };
    const answer = await this.#rpc.call(call);
    return readOr(() => readTxn(answer), this.#where(operation));
  }

  async grantLease(ttlSeconds: number, limits: CallLimits): Promise<bigint> {
    const operation = "grant a lease";
    const request = leaseGrantRequest(ttlSeconds);
    const answer = await this.#rpc.call({ method: methods.grant, request, operation, ...limits });
    return readOr(() => readLease(answer), this.#where(operation)).id;
  }

  /** Extends a lease; `false` when there is no such lease any more, which etcd does not call an error. */
  async keepLease(id: bigint, limits: CallLimits): Promise<boolean> {
    const operation = "keep the lease";
    const request = leaseIdRequest(id);
    const call = { method: methods.keepAlive, request, operation, ...limits };
    const answer = await this.#rpc.call(call);
    return readOr(() => readLease(answer), this.#where(operation)).ttlSeconds > 0;
  }

  /** Ends a lease and removes what is attached to it; one that is not there is a success. */
  async revokeLease(id: bigint, limits: CallLimits): Promise<void> {
    const operation = "revoke the lease";
    const request = leaseIdRequest(id);
    try {
      await this.#rpc.call({ method: methods.revoke, request, operation, ...limits });
    } catch (thrown) {
      if (!isNotFound(thrown)) throw thrown;
    }
  }

  /**
   * Begins to watch a range from a revision on; everything after is told to `handler`.
   *
   * @returns What ends the watch.
   */
  async watch(
    range: KeyRange,
    startRevision: number,
    operation: string,
    handler: WatchHandler,
    signal: AbortSignal,
  ): Promise<() => void> {
    const stream = await this.#stream(operation, signal);
    return stream.add(range, startRevision, operation, handler);
  }

  close(reason: unknown): void {
    this.#rpc.close(reason);
  }

  async #allPages(
    { range, operation, keysOnly }: RangeQuery,
    signal: AbortSignal,
  ): Promise<RangeSet> {
    const { maxSetBytes } = this.#options;
    const kvs: KeyValue[] = [];
    let first: Header | undefined;
    let from = range.key;
    let bytes = 0;
    for (;;) {
      const limit = this.#pageSize;
      const revision = first?.revision;
      const request = rangeRequest({ key: from, end: range.end, limit, keysOnly, revision });
      let answer: Buffer;
      try {
        answer = await this.#rpc.call({ method: methods.range, request, operation, signal });
      } catch (thrown) {
        if (failureBehind(thrown)?.source !== "oversized" || limit === 1) throw thrown;
        this.#pageSize = Math.min(this.#pageSize, Math.ceil(limit / 4));
        continue;
      }
      const page = readOr(() => readRange(answer), this.#where(operation));
      first ??= page.header;
      if (page.header.clusterId !== first.clusterId) {
        throw this.#error("UNAVAILABLE", operation, "two pages come from different clusters");
      }
      for (const kv of page.kvs) kvs.push(kv);
      bytes += answer.length;
      if (bytes > maxSetBytes) {
        throw this.#error(
          "PROTOCOL",
          operation,
          `more than maxSetBytes (${maxSetBytes}) of records`,
        );
      }
      if (!page.more) return { header: first, kvs };
      const last = page.kvs.at(-1)?.key;
      if (last === undefined || last.compare(from) < 0) {
        throw this.#error("PROTOCOL", operation, "a page makes no progress");
      }
      from = Buffer.concat([last, Buffer.from([0])]);
    }
  }

  /** Watches share a stream as long as it has the connection and the token of now. */
  async #stream(operation: string, signal: AbortSignal): Promise<WatchStream> {
    const { connection, token } = await this.#rpc.access(operation, signal);
    const old = this.#watches;
    if (old?.usable === true && old.connection === connection && old.token === token) return old;
    const { clock, requestMs, silenceMs, name } = this.#options;
    this.#watches = new WatchStream({
      connection,
      token,
      headers: headersOf(token),
      registry: name,
      clock,
      requestMs,
      silenceMs,
      onTokenRefused: () => this.#rpc.forget(token),
    });
    return this.#watches;
  }

  #where(operation: string): { readonly registry: string; readonly operation: string } {
    return { registry: this.#options.name, operation };
  }

  #error(code: "UNAVAILABLE" | "PROTOCOL", operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code, ...this.#where(operation), reason });
  }
}

/** Of a lease: it ran out, was revoked, or went with all data. */
export function isNotFound(thrown: unknown): boolean {
  return failureBehind(thrown)?.code === status.notFound;
}
