import { DiscoveryError } from "@rollcall/core";
import { latch } from "@rollcall/core/adapter";

import type { EtcdClient } from "./client.ts";
import type { Header, KeyRange, KeyValue } from "./messages.ts";

/** Where what is followed is kept: the whole set, always. */
export interface FollowedSet {
  /** Everything there is, of one revision. */
  replace(kvs: readonly KeyValue[]): void;
  put(kv: KeyValue): void;
  remove(key: Buffer): void;
}

/** What to follow. */
export interface Followed {
  readonly range: KeyRange;
  /** For errors: `watch /rollcall/orders/`. */
  readonly operation: string;
  /** For errors. */
  readonly registry: string;
  /** Bound of the whole set, in bytes. */
  readonly maxSetBytes: number;
}

/**
 * One attempt to follow a range: reads all of it at one revision, then watches from the next one on.
 * Yields the revision whenever `set` has become another one; whoever reads late finds the newest.
 *
 * Throws when in any doubt: it never resumes, so after a compaction, a refused watch, a leader that was
 * lost or a connection that broke the whole range is read again by the next attempt.
 *
 * @throws {@link DiscoveryError}; the signal's reason.
 */
export async function* follow(
  client: EtcdClient,
  { range, operation, registry, maxSetBytes }: Followed,
  set: FollowedSet,
  signal: AbortSignal,
): AsyncGenerator<number, void, void> {
  const { header, kvs } = await client.range({ range, operation }, signal);
  let { revision } = header;
  let bytes = sizeOf(kvs);
  set.replace(kvs);
  const changes = latch<null>(signal);
  const end = await client.watch(
    range,
    revision + 1,
    operation,
    {
      created(now) {
        checkSameStore(header, now, { registry, operation });
      },
      events(events) {
        for (const { deleted, kv } of events) {
          if (deleted) set.remove(kv.key);
          else set.put(kv);
          revision = Math.max(revision, kv.modRevision);
          bytes += deleted ? 0 : kv.key.length + kv.value.length;
        }
        if (bytes > 2 * maxSetBytes) {
          // What was replaced still counts, so the set may be small: reading it anew tells.
          const reason = "so much has changed that everything is read again";
          throw new DiscoveryError({ code: "UNAVAILABLE", registry, operation, reason });
        }
        changes.set(null);
      },
      failed: (error) => changes.fail(error),
    },
    signal,
  );
  try {
    yield revision;
    for await (const _ of changes) yield revision;
  } finally {
    end();
  }
}

/**
 * A watch that begins at a revision its store has not reached yet would wait in silence for ever: the store
 * was wiped or restored, or the member belongs to another cluster.
 */
function checkSameStore(
  read: Header,
  now: Header,
  where: { readonly registry: string; readonly operation: string },
): void {
  if (now.clusterId === read.clusterId && now.revision >= read.revision) return;
  const reason =
    now.clusterId === read.clusterId
      ? `the store went back from revision ${read.revision} to ${now.revision}: it lost data`
      : "the watch is served by another cluster than the read";
  throw new DiscoveryError({ code: "UNAVAILABLE", ...where, reason });
}

function sizeOf(kvs: readonly KeyValue[]): number {
  return kvs.reduce((bytes, { key, value }) => bytes + key.length + value.length, 0);
}
