import { DiscoveryError } from "@rollcall/core";
import { jitteredInterval, sleep } from "@rollcall/core/adapter";

import { BlockingIndex } from "./blocking-index.ts";
import { BrokenConnection } from "./exchange.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Places } from "./places.ts";
import { ReadPace } from "./read-pace.ts";
import type { ServiceAnswer, ServiceAt, ServiceReader } from "./service-reader.ts";
import type { StoredRecord } from "./stored-record.ts";
import { WaitLength } from "./wait-length.ts";

const jitter = 0.1;

/** What a watch works with. */
export interface WatchTools {
  readonly reader: ServiceReader;
  readonly options: ResolvedOptions;
  /** Connections for blocking queries: a watch that gets none asks at the interval meanwhile. */
  readonly places: Places;
}

/**
 * Follows one service at one cluster: yields its records now and whenever they may have changed.
 *
 * A query that is cut, and an index that goes back, are mended by reading everything anew. When records
 * are missing after that, the server may have lost them rather than the nodes: then the watch throws, as
 * it does when nothing can be read, and consumers treat it as the outage it probably was.
 */
export async function* watchService(
  tools: WatchTools,
  what: ServiceAt,
  signal: AbortSignal,
): AsyncGenerator<ServiceAnswer, void, void> {
  const { reader, options } = tools;
  const { intervalMs, random, clock } = options;
  const index = new BlockingIndex();
  const memory = reader.memory();
  const wait = new WaitLength(options.waitMs);
  const pace = new ReadPace(options.maxReadsPerSecond, clock);
  const pause = (): Promise<void> =>
    sleep(jitteredInterval(intervalMs, jitter, random), signal, clock);

  let current = await reader.read(what, memory, signal);
  index.accept(current.index);
  yield current;
  for (;;) {
    // The first set is better than none; after it a doubtful one says no more than the one before.
    if (current.doubt !== undefined) throw current.doubt;
    await pace.take(signal);
    const answer = await next();
    if (answer === undefined) continue;
    current = answer;
    yield current;
  }

  /** The next answer that may differ from the one before; undefined: ask again. */
  async function next(): Promise<ServiceAnswer | undefined> {
    const since = index.value;
    const leave = since === undefined || !options.blocking ? undefined : tools.places.take();
    if (since === undefined || leave === undefined) {
      await pause();
      // A look at our rights belongs to a change, not to each question.
      const isEmptyBelieved = current.records.length === 0;
      const answer = await reader.read(what, memory, signal, isEmptyBelieved);
      if (answer.doubt !== undefined) throw answer.doubt;
      const verdict = index.accept(answer.index);
      if (verdict === "back") return anew("the index went back", undefined);
      return verdict === "same" ? undefined : answer;
    }
    const startedMs = clock.monotonicMs();
    const { answer, waitMs, error } = await block(since).finally(leave);
    const ageMs = clock.monotonicMs() - startedMs;
    if (answer === undefined) {
      wait.cut(ageMs);
      return anew("a query was cut", error);
    }
    if (answer.doubt !== undefined) throw answer.doubt;
    wait.answered();
    const verdict = index.accept(answer.index);
    if (verdict === "back") return anew("the index went back", undefined);
    if (verdict === "same") {
      // Something between us and the server does not let queries block.
      if (ageMs < waitMs / 2) await pause();
      return undefined;
    }
    if (answer.records.length === 0 && current.records.length > 0) {
      await reader.believeEmpty(answer, what, signal);
    }
    return answer;
  }

  /** Asks the server of before; an answer, or how the query was cut. */
  async function block(since: bigint): Promise<{
    readonly answer?: ServiceAnswer | undefined;
    readonly error?: unknown;
    readonly waitMs: number;
  }> {
    const waitMs = Math.ceil(jitteredInterval(wait.ms, jitter, random));
    try {
      const { server } = current;
      const query = { index: since, waitMs };
      return { answer: await reader.block(server, what, query, memory, signal), waitMs };
    } catch (error) {
      if (signal.aborted) throw error;
      if (isCut(error)) return { error, waitMs };
      if (error instanceof DiscoveryError && error.retryable) what.cluster.failed(current.server);
      throw error;
    }
  }

  /** Reads everything, of whichever server answers. */
  async function anew(happened: string, cause: unknown): Promise<ServiceAnswer> {
    index.reset();
    const answer = await reader.read(what, memory, signal);
    if (answer.doubt !== undefined) throw answer.doubt;
    if (isAnyMissing(current.records, answer.records)) {
      throw new DiscoveryError({
        code: "UNAVAILABLE",
        registry: options.name,
        operation: `watch ${what.service} at ${answer.server.url}`,
        reason: `${happened}, and records are missing since`,
        cause,
      });
    }
    index.accept(answer.index);
    return answer;
  }
}

/** Whether an established connection ended, as a restart of the server and a proxy's time limit both do. */
function isCut(error: unknown): boolean {
  return error instanceof DiscoveryError && error.cause instanceof BrokenConnection;
}

/** Whether a record of before is not there any more. */
export function isAnyMissing(
  before: readonly StoredRecord[],
  after: readonly StoredRecord[],
): boolean {
  const now = new Set(after.map(keyOf));
  return before.some((record) => !now.has(keyOf(record)));
}

function keyOf({ agent, key }: StoredRecord): string {
  return JSON.stringify([agent, key]);
}
