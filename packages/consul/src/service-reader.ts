import { DiscoveryError } from "@rollcall/core";
import { ListMemory } from "@rollcall/core/adapter";

import { checkRights } from "./acl.ts";
import type { ConsulClient, HealthAnswer } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Place } from "./place.ts";
import type { ServerAddress } from "./server-address.ts";
import { readRecord, type StoredRecord } from "./stored-record.ts";

/** One service, at one cluster. */
export interface ServiceAt {
  readonly service: string;
  readonly place: Place;
  readonly cluster: Cluster;
  /** Past the agent's cache, if the options have one asked. */
  readonly isUncached?: boolean | undefined;
}

/** What a watch keeps of one answer to the next, so that only what changed is decoded. */
export type RecordMemory = ListMemory<StoredRecord>;

/** The records of one service, of one server. */
export interface ServiceAnswer extends HealthAnswer<StoredRecord> {
  readonly server: ServerAddress;
  /** Why it may be out of date, when nothing newer can be had. */
  readonly doubt?: DiscoveryError | undefined;
}

/** Reads services: from a server that can answer, and believing an empty answer only after a look at our rights. */
export class ServiceReader {
  readonly client: ConsulClient;
  readonly #options: ResolvedOptions;

  constructor(client: ConsulClient, options: ResolvedOptions) {
    this.client = client;
    this.#options = options;
  }

  /** @param isKept  `false` for a single answer. */
  memory(isKept = true): RecordMemory {
    const { name: registry, weight, acceptWarning } = this.#options;
    return new ListMemory(
      (entry) => readRecord(entry, { registry, weight, acceptWarning }),
      isKept,
    );
  }

  /**
   * Asks once, whichever server answers.
   *
   * @param isEmptyBelieved  The answer before was empty, and our rights have been looked at for it.
   */
  read(
    what: ServiceAt,
    memory: RecordMemory,
    signal: AbortSignal,
    isEmptyBelieved = false,
  ): Promise<ServiceAnswer> {
    return what.cluster.attempt(async (server) => {
      const answer = await this.client.readHealth(server, what, memory, signal);
      const current = await this.#currentOf({ ...answer, server }, what, memory, signal);
      if (current.records.length === 0 && (current.isFiltered || !isEmptyBelieved)) {
        await this.believeEmpty(current, what, signal);
      }
      return current;
    }, signal);
  }

  /** Asks one server, which holds its answer back until something changes. */
  async block(
    server: ServerAddress,
    what: ServiceAt,
    block: { readonly index: bigint; readonly waitMs: number },
    memory: RecordMemory,
    signal: AbortSignal,
  ): Promise<ServiceAnswer> {
    const answer = await this.client.readHealth(server, { ...what, block }, memory, signal);
    return this.#currentOf({ ...answer, server }, what, memory, signal);
  }

  /** @throws {@link DiscoveryError} `AUTH` when the answer is empty for lack of rights. */
  async believeEmpty(answer: ServiceAnswer, what: ServiceAt, signal: AbortSignal): Promise<void> {
    if (answer.isFiltered) {
      throw this.#error("AUTH", what, answer, "the token may read none of the records");
    }
    await checkRights(this.client, answer.server, this.#options.name, what, signal);
  }

  /** The answer, or the leader's when a server that may answer for it has lost touch. */
  async #currentOf(
    answer: ServiceAnswer,
    what: ServiceAt,
    memory: RecordMemory,
    signal: AbortSignal,
  ): Promise<ServiceAnswer> {
    const { consistency, maxStaleMs } = this.#options;
    if (consistency !== "stale" || answer.lastContactMs <= maxStaleMs) return answer;
    const { server } = answer;
    try {
      const question = { ...what, ofLeader: true };
      const leaders = await this.client.readHealth(server, question, memory, signal);
      return { ...leaders, server };
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      const since =
        answer.lastContactMs === Infinity
          ? "no leader"
          : `no leader for ${answer.lastContactMs} ms`;
      const doubt = this.#error("UNAVAILABLE", what, answer, `the server knows of ${since}`);
      // Old nodes are better than none; but old absence is no absence.
      if (answer.records.length === 0) throw doubt;
      return { ...answer, doubt };
    }
  }

  #error(
    code: "AUTH" | "UNAVAILABLE",
    { service }: ServiceAt,
    { server }: ServiceAnswer,
    reason: string,
  ): DiscoveryError {
    const operation = `read ${service} at ${server.url}`;
    return new DiscoveryError({ code, registry: this.#options.name, operation, reason });
  }
}
