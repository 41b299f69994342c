import { asDiscoveryError, type DiscoveryError, type RejectedRecord } from "@rollcall/core";
import { createBackoff, latch, sleep } from "@rollcall/core/adapter";

import type { Cluster } from "./cluster.ts";
import type { Clusters } from "./clusters.ts";
import type { Place } from "./place.ts";
import { isAnyMissing, watchService, type WatchTools } from "./service-watch.ts";
import type { StoredRecord } from "./stored-record.ts";

/** Longest wait before a cluster that failed is asked again, in ms. */
const retryCapMs = 10_000;
/** How often the answers of servers that could not be reached before are looked for, in ms. */
const lookMs = 1_000;

/** The records of one service from all clusters, as far as they are known. */
export interface MergedAnswer {
  readonly records: readonly StoredRecord[];
  /** Clusters and servers that do not answer; what was known of them is among the records. */
  readonly rejected: readonly RejectedRecord[];
}

/** Records by cluster, kept from one watch attempt to the next: a cluster that is away loses nothing. */
export type KnownParts = Map<Cluster, readonly StoredRecord[]>;

/**
 * Follows one service at several clusters: one that fails keeps what it had, and the others go on.
 *
 * Throws when all fail, when one comes back without records it had, and instead of yielding nothing while
 * one may have something.
 */
export async function* watchMerged(
  tools: WatchTools,
  clusters: Clusters,
  what: { readonly service: string; readonly place: Place },
  known: KnownParts,
  signal: AbortSignal,
): AsyncGenerator<MergedAnswer, void, void> {
  const ending = new AbortController();
  const linked = AbortSignal.any([signal, ending.signal]);
  const { clock, random, name: registry } = tools.options;
  const changed = latch<void>(linked);
  const errors = new Map<Cluster, DiscoveryError>();
  const followed = new Map<Cluster, Promise<void>>();
  /** Clusters that have answered or failed since this attempt began. */
  const heard = new Set<Cluster>();
  let outage: DiscoveryError | undefined;
  let { unknown } = await clusters.forReading(what.place, linked);

  const follow = async (cluster: Cluster): Promise<void> => {
    const backoff = createBackoff({ capMs: retryCapMs, random });
    while (!linked.aborted) {
      const startedMs = clock.monotonicMs();
      try {
        for await (const { records } of watchService(tools, { ...what, cluster }, linked)) {
          const failure = errors.get(cluster);
          const before = known.get(cluster) ?? [];
          errors.delete(cluster);
          known.set(cluster, records);
          heard.add(cluster);
          // It may have come back without what it had: that is told as the outage it was.
          if (failure !== undefined && isAnyMissing(before, records)) outage = failure;
          changed.set();
        }
      } catch (thrown) {
        if (linked.aborted) return;
        const operation = `watch ${what.service}`;
        errors.set(cluster, asDiscoveryError(thrown, { registry, operation }));
        heard.add(cluster);
        changed.set();
        const waitMs = backoff.failed(clock.monotonicMs() - startedMs);
        await sleep(waitMs, linked, clock).catch(() => undefined);
      }
    }
  };
  const look = async (): Promise<void> => {
    while (!linked.aborted) {
      const targets = await clusters.forReading(what.place, linked).catch(() => undefined);
      for (const cluster of targets?.clusters ?? []) {
        if (!followed.has(cluster)) followed.set(cluster, follow(cluster));
      }
      unknown = targets?.unknown ?? unknown;
      if (unknown.length === 0) return;
      await sleep(lookMs, linked, clock).catch(() => undefined);
    }
  };

  const looking = look();
  try {
    for await (const _ of changed) {
      if (outage !== undefined) throw outage;
      const parts = [...followed.keys()];
      // The first set is whole as far as it can be: every cluster has had its chance.
      if (parts.some((cluster) => !heard.has(cluster))) continue;
      const [failure] = [...errors.values(), ...unknown.map(({ error }) => error)];
      if (failure !== undefined && parts.every((cluster) => errors.has(cluster))) throw failure;
      const records = parts.flatMap((cluster) => known.get(cluster) ?? []);
      if (failure !== undefined && records.length === 0) throw failure;
      yield {
        records,
        rejected: [
          ...[...errors].map(([{ servers }, error]) => ({
            key: servers.map(({ url }) => url).join(","),
            error,
          })),
          ...unknown.map(({ server, error }) => ({ key: server.url, error })),
        ],
      };
    }
  } finally {
    ending.abort();
    await Promise.allSettled([looking, ...followed.values()]);
  }
}
