import { asDiscoveryError, DiscoveryError } from "@rollcall/core";
import { holdProcess, withDeadline } from "@rollcall/core/adapter";

import type { Connection } from "./connection.ts";
import { Login } from "./login.ts";
import { Members } from "./members.ts";
import {
  authenticateRequest,
  type Header,
  type KeyRange,
  type KeyValue,
  leaseGrantRequest,
  leaseIdRequest,
  rangeRequest,
  readLease,
  readRange,
  readToken,
  readTxn,
  type TxnAnswer,
  txnRequest,
  type Write,
} from "./messages.ts";
import type { ResolvedOptions } from "./options.ts";
import { RpcFailure, status, toDiscoveryError } from "./rpc-failure.ts";
import { type WatchHandler, WatchStream } from "./watch-stream.ts";

/** A set of records as it was at one revision. */
export interface RangeSet {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
}

interface CallOptions {
  /** Without a token. */
  readonly anonymous?: boolean | undefined;
  /** How many members may be asked. */
  readonly attempts?: number | undefined;
}

const methods = {
  range: "/etcdserverpb.KV/Range",
  txn: "/etcdserverpb.KV/Txn",
  grant: "/etcdserverpb.Lease/LeaseGrant",
  revoke: "/etcdserverpb.Lease/LeaseRevoke",
  keepAlive: "/etcdserverpb.Lease/LeaseKeepAlive",
  authenticate: "/etcdserverpb.Auth/Authenticate",
};

/** Rounds of a paged read that begin again because the revision they read at was compacted. */
const maxRounds = 3;

/**
 * Wire calls to a cluster: fail-over, log-in, deadlines, pages. Knows keys and bytes, not nodes. Opens no
 * connection before it is used.
 */
export class EtcdClient {
  readonly #options: ResolvedOptions;
  readonly #members: Members;
  readonly #login: Login;
  #watches: WatchStream | undefined;
  /** Shrinks when an answer was too large. */
  #pageSize: number;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#members = new Members(options);
    this.#login = new Login(options, (name, password) => this.#authenticate(name, password));
    this.#pageSize = options.pageSize;
  }

  /**
   * All records of a range at one revision, in pages; linearizable.
   *
   * @throws {@link DiscoveryError}; the signal's reason.
   */
  async range(
    range: KeyRange,
    what: { readonly operation: string; readonly keysOnly?: boolean | undefined },
    signal: AbortSignal,
  ): Promise<RangeSet> {
    for (let round = 1; ; round += 1) {
      try {
        return await this.#allPages(range, what, signal);
      } catch (thrown) {
        // The revision of the first page was compacted before the last one was read.
        if (!isCompacted(thrown) || round === maxRounds) throw thrown;
      }
    }
  }

  /** One record; undefined when there is none. */
  async get(key: Buffer, operation: string, signal: AbortSignal): Promise<KeyValue | undefined> {
    const answer = await this.#call(methods.range, rangeRequest({ key }), operation, signal);
    return read(() => readRange(answer), this.#where(operation)).kvs[0];
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
    signal: AbortSignal,
  ): Promise<TxnAnswer> {
    const request = txnRequest(key, modRevision, write);
    const answer = await this.#call(methods.txn, request, operation, signal, { attempts: 1 });
    return read(() => readTxn(answer), this.#where(operation));
  }

  async grantLease(ttlSeconds: number, signal: AbortSignal): Promise<bigint> {
    const operation = "grant a lease";
    const request = leaseGrantRequest(ttlSeconds);
    const answer = await this.#call(methods.grant, request, operation, signal);
    return read(() => readLease(answer), this.#where(operation)).id;
  }

  /** Extends a lease; `false` when there is no such lease any more, which etcd does not call an error. */
  async keepLease(id: bigint, signal: AbortSignal): Promise<boolean> {
    const operation = "keep the lease";
    const answer = await this.#call(methods.keepAlive, leaseIdRequest(id), operation, signal);
    return read(() => readLease(answer), this.#where(operation)).ttlSeconds > 0;
  }

  /** Ends a lease and removes what is attached to it; one that is not there is a success. */
  async revokeLease(id: bigint, signal: AbortSignal): Promise<void> {
    try {
      await this.#call(methods.revoke, leaseIdRequest(id), "revoke the lease", signal);
    } catch (thrown) {
      if (!isNotFound(thrown)) throw thrown;
    }
  }

  /**
   * Begins to watch a range from a revision on; everything after is told to `handler`.
   *
   * @returns What ends the watch.
   * @throws {@link DiscoveryError}; the signal's reason.
   */
  async watch(
    range: KeyRange,
    startRevision: number,
    operation: string,
    handler: WatchHandler,
    signal: AbortSignal,
  ): Promise<() => void> {
    const where = this.#where(operation);
    const stream = await withDeadline(
      { ...where, timeoutMs: this.#totalMs, signal, clock: this.#options.clock },
      async () => {
        const connection = await this.#connection(where);
        return this.#streamOn(connection, await this.#login.token());
      },
    );
    return stream.add(range, startRevision, operation, handler);
  }

  close(reason: unknown): void {
    this.#members.close(reason);
  }

  /** Deadline of a call with all its attempts. */
  get #totalMs(): number {
    const { connectMs, requestMs, hosts } = this.#options;
    return connectMs + requestMs * this.#attempts + connectMs * (hosts.length - 1);
  }

  /** At least two: a connection may have gone stale while nobody used it. */
  get #attempts(): number {
    return Math.max(2, this.#options.hosts.length);
  }

  async #allPages(
    { key, end }: KeyRange,
    {
      operation,
      keysOnly,
    }: { readonly operation: string; readonly keysOnly?: boolean | undefined },
    signal: AbortSignal,
  ): Promise<RangeSet> {
    const { maxSetBytes } = this.#options;
    const kvs: KeyValue[] = [];
    let first: Header | undefined;
    let from = key;
    let bytes = 0;
    for (;;) {
      const limit = this.#pageSize;
      const request = rangeRequest({ key: from, end, limit, keysOnly, revision: first?.revision });
      let answer: Buffer;
      try {
        answer = await this.#call(methods.range, request, operation, signal);
      } catch (thrown) {
        if (!isOversized(thrown) || limit === 1) throw thrown;
        this.#pageSize = Math.ceil(limit / 4);
        continue;
      }
      const page = read(() => readRange(answer), this.#where(operation));
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

  /** One call with log-in, deadline and fail-over. */
  async #call(
    method: string,
    request: Buffer,
    operation: string,
    signal: AbortSignal,
    how: CallOptions = {},
  ): Promise<Buffer> {
    const where = this.#where(operation);
    const { clock } = this.#options;
    // Somebody waits for the answer.
    const release = holdProcess();
    try {
      return await withDeadline({ ...where, timeoutMs: this.#totalMs, signal, clock }, (own) =>
        this.#attempt(method, request, where, own, how),
      );
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw thrown;
    } finally {
      release();
    }
  }

  async #attempt(
    method: string,
    request: Buffer,
    where: { readonly registry: string; readonly operation: string },
    signal: AbortSignal,
    { anonymous = false, attempts = this.#attempts }: CallOptions,
  ): Promise<Buffer> {
    const limits = { timeoutMs: this.#options.requestMs, signal };
    let renewed = false;
    for (let attempt = 1; ;) {
      const connection = await this.#connection(where);
      signal.throwIfAborted();
      const token = anonymous ? undefined : await this.#login.token();
      signal.throwIfAborted();
      try {
        const answer = await connection.call(method, request, headersOf(token), limits);
        this.#login.used(token);
        return answer;
      } catch (thrown) {
        if (!(thrown instanceof RpcFailure)) throw thrown;
        if (thrown.isAboutToken && !renewed && !anonymous && this.#options.username !== undefined) {
          renewed = true;
          this.#login.forget(token);
        } else if (thrown.isWorthAnotherTry) {
          this.#members.turnFrom(connection);
          if (attempt >= attempts) throw toDiscoveryError(thrown, where);
          attempt += 1;
        } else {
          throw toDiscoveryError(thrown, where);
        }
      }
    }
  }

  async #connection(where: {
    readonly registry: string;
    readonly operation: string;
  }): Promise<Connection> {
    try {
      return await this.#members.connection();
    } catch (thrown) {
      throw thrown instanceof RpcFailure
        ? toDiscoveryError(thrown, where)
        : asDiscoveryError(thrown, where);
    }
  }

  /** Watches share a stream as long as it has the connection and the token of now. */
  #streamOn(connection: Connection, token: string | undefined): WatchStream {
    const old = this.#watches;
    if (old?.usable === true && old.connection === connection && old.token === token) return old;
    const { clock, requestMs, silenceMs, name } = this.#options;
    const stream = new WatchStream({
      connection,
      token,
      headers: headersOf(token),
      registry: name,
      clock,
      requestMs,
      silenceMs,
      onTokenRefused: () => this.#login.forget(token),
    });
    this.#watches = stream;
    return stream;
  }

  async #authenticate(name: string, password: string): Promise<string | undefined> {
    const operation = "log in";
    const { signal } = new AbortController();
    try {
      const answer = await this.#call(
        methods.authenticate,
        authenticateRequest(name, password),
        operation,
        signal,
        { anonymous: true },
      );
      const token = read(() => readToken(answer), this.#where(operation));
      // It goes into a header.
      if (/^[\u0021-\u007e]+$/.test(token)) return token;
      throw this.#error("PROTOCOL", operation, "the token is no text of visible characters");
    } catch (thrown) {
      if (isWithoutLogin(thrown)) return undefined;
      throw thrown;
    }
  }

  #where(operation: string): { readonly registry: string; readonly operation: string } {
    return { registry: this.#options.name, operation };
  }

  #error(code: "UNAVAILABLE" | "PROTOCOL", operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code, ...this.#where(operation), reason });
  }
}

/**
 * With `hasleader` a member that lost its leader says so; without it, it would leave a watch open in
 * silence.
 */
function headersOf(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? { hasleader: "true" } : { hasleader: "true", token };
}

function read<T>(
  reading: () => T,
  where: { readonly registry: string; readonly operation: string },
): T {
  try {
    return reading();
  } catch (cause) {
    const reason = "the answer is no message of etcd's";
    throw new DiscoveryError({ code: "PROTOCOL", ...where, reason, cause });
  }
}

function failureBehind(thrown: unknown): RpcFailure | undefined {
  const cause = thrown instanceof DiscoveryError ? thrown.cause : undefined;
  return cause instanceof RpcFailure ? cause : undefined;
}

function isOversized(thrown: unknown): boolean {
  return failureBehind(thrown)?.source === "oversized";
}

function isCompacted(thrown: unknown): boolean {
  return failureBehind(thrown)?.code === status.outOfRange;
}

/** Of a lease: it ran out, was revoked, or went with all data. */
export function isNotFound(thrown: unknown): boolean {
  return failureBehind(thrown)?.code === status.notFound;
}

function isWithoutLogin(thrown: unknown): boolean {
  const failure = failureBehind(thrown);
  return failure?.code === status.failedPrecondition && /not enabled/.test(failure.details);
}
