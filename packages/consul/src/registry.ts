import {
  defineNode,
  DiscoveryError,
  type NodeInput,
  type NodeSet,
  type RegisterOptions,
  type Registration,
  type Registry,
  type RegistryTraits,
  type Scope,
  type ServiceNode,
  type ServiceQuery,
  type WithSignal,
} from "@rollcall/core";
import {
  checkScope,
  keepRegistered,
  NodeSets,
  queryKey,
  RegistryLifetime,
} from "@rollcall/core/adapter";

import { checkRights } from "./acl.ts";
import { ConsulClient } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { Clusters } from "./clusters.ts";
import { Home } from "./home.ts";
import { type KnownParts, type MergedAnswer, watchMerged } from "./merged-watch.ts";
import { nodeSetOf } from "./node-set.ts";
import { type ConsulOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { OwnRecord } from "./own-record.ts";
import { checkPathName, type Place, placeOf, scopeKeys } from "./place.ts";
import { Places } from "./places.ts";
import { maxTtlMs, minTtlMs } from "./registration-options.ts";
import { ServiceReader } from "./service-reader.ts";
import { watchService, type WatchTools } from "./service-watch.ts";
import type { StoredRecord } from "./stored-record.ts";

/**
 * Consul as a registry. Opens no connection before it is used.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the option, its value and what it must be.
 */
export function consulRegistry(options: ConsulOptions = {}): Registry {
  return new ConsulRegistry(resolveOptions(options));
}

class ConsulRegistry implements Registry {
  readonly type = "consul";
  readonly name: string;
  readonly identity: string;
  readonly traits: RegistryTraits;
  readonly #options: ResolvedOptions;
  readonly #client: ConsulClient;
  readonly #tools: WatchTools;
  readonly #clusters: Clusters;
  /** By query, what merged watches know of each cluster. */
  readonly #parts = new Map<string, KnownParts>();
  readonly #life: RegistryLifetime;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.name = options.name;
    this.#life = new RegistryLifetime(this.name);
    this.identity = identityOf(options);
    this.traits = traitsOf(options);
    this.#client = new ConsulClient(options);
    this.#tools = {
      reader: new ServiceReader(this.#client, options),
      options,
      places: new Places(options.maxConnections),
    };
    this.#clusters = new Clusters(this.#client, options, this.#life.signal);
  }

  async read(query: ServiceQuery, signal: AbortSignal): Promise<NodeSet> {
    const linked = this.#life.linked(signal);
    this.#checkName("service", query.service, "read");
    if (this.#options.skipServices.has(query.service)) return this.#skipped(query);
    const what = { service: query.service, place: this.#place(query.scope) };
    const { clusters, unknown } = await this.#clusters.forReading(what.place, linked);
    const answers = await Promise.all(
      clusters.map((cluster) =>
        this.#tools.reader.read(
          { ...what, cluster, isUncached: true },
          this.#tools.reader.memory(false),
          linked,
        ),
      ),
    );
    const records = answers.flatMap((answer) => answer.records);
    const doubt =
      answers.find((answer) => answer.doubt !== undefined)?.doubt ??
      (records.length === 0 ? unknown[0]?.error : undefined);
    if (doubt !== undefined) throw doubt;
    return nodeSetOf({ records, service: query.service }, this.#options, new Map());
  }

  async *watch(query: ServiceQuery, signal: AbortSignal): AsyncGenerator<NodeSet, void, void> {
    const linked = this.#life.linked(signal);
    this.#checkName("service", query.service, "watch");
    if (this.#options.skipServices.has(query.service)) {
      yield this.#skipped(query);
      await aborted(linked);
    }
    const { sort, defaultService } = this.#options;
    const sets = new NodeSets<StoredRecord>(
      (records, known) => nodeSetOf({ records, service: query.service }, this.#options, known),
      { isOrdered: sort === "origin" && defaultService === undefined },
    );
    for await (const { records, rejected = [] } of this.#follow(query, linked)) {
      const set = sets.next(records);
      yield rejected.length === 0
        ? set
        : { ...set, rejected: [...(set.rejected ?? []), ...rejected] };
    }
  }

  register(input: NodeInput, options: RegisterOptions = {}): Promise<Registration> {
    const node = this.#define(input);
    const place = this.#place(checkScope(options.scope, this));
    const { ttlMs } = options;
    if (ttlMs !== undefined && !(ttlMs >= minTtlMs && ttlMs <= maxTtlMs)) {
      const bounds = `from ${minTtlMs} to ${maxTtlMs}`;
      throw this.#invalid("register", `ttlMs must be a number ${bounds}, got ${String(ttlMs)}`);
    }
    return this.#register(node, place, options);
  }

  async services(
    options: WithSignal & { readonly scope?: Scope | undefined } = {},
  ): Promise<readonly string[]> {
    const place = this.#place(checkScope(options.scope, this));
    const linked = this.#life.linked(options.signal);
    const { clusters, unknown } = await this.#clusters.forReading(place, linked);
    const lists = await Promise.all(clusters.map((cluster) => this.#list(cluster, place, linked)));
    const [missing] = unknown;
    if (missing !== undefined && lists.every((names) => names.length === 0)) throw missing.error;
    const { skipServices } = this.#options;
    return [...new Set(lists.flat())]
      .filter((name) => name !== "consul" && !skipServices.has(name))
      .sort();
  }

  #skipped({ service }: ServiceQuery): NodeSet {
    return nodeSetOf({ records: [], service }, this.#options, new Map());
  }

  #list(cluster: Cluster, place: Place, signal: AbortSignal): Promise<readonly string[]> {
    return cluster.attempt(async (server) => {
      const listed = await this.#client.readServices(server, place, signal);
      if (listed.length === 0) {
        const what = { service: undefined, place };
        await checkRights(this.#client, server, this.name, what, signal);
      }
      return listed;
    }, signal);
  }

  /** The records of a service, from its one cluster or merged from several. */
  async *#follow(
    query: ServiceQuery,
    signal: AbortSignal,
  ): AsyncGenerator<Pick<MergedAnswer, "records"> & Partial<MergedAnswer>, void, void> {
    const what = { service: query.service, place: this.#place(query.scope) };
    const { clusters, unknown } = await this.#clusters.forReading(what.place, signal);
    const [cluster] = clusters;
    if (cluster !== undefined && clusters.length === 1 && unknown.length === 0) {
      yield* watchService(this.#tools, { ...what, cluster }, signal);
      return;
    }
    const key = queryKey(query);
    const parts: KnownParts = this.#parts.get(key) ?? new Map();
    this.#parts.set(key, parts);
    try {
      yield* watchMerged(this.#tools, this.#clusters, what, parts, signal);
    } finally {
      // Whoever ends a watch needs no memory; after an error it is called again.
      if (signal.aborted) this.#parts.delete(key);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#life.end(() => this.#client.close());
  }

  #register(
    node: ServiceNode,
    place: Place,
    { ttlMs = this.#options.registration.ttlMs, signal }: RegisterOptions,
  ): Promise<Registration> {
    const { clock, random, registration: settings, weight, connectMs, readMs } = this.#options;
    const { put, renew, remove } = new OwnRecord({
      client: this.#client,
      home: new Home((own) => this.#clusters.forWriting(place, own), ttlMs, clock),
      registry: this.name,
      clock,
      place,
      registration: settings,
      weight,
      ttlMs,
    });
    return this.#life.enter((onClosed) =>
      keepRegistered({
        registry: this.name,
        node,
        ttlMs,
        callTimeoutMs: Math.min(ttlMs / 3, connectMs + readMs),
        signal: this.#life.linked(signal),
        clock,
        random,
        put,
        renew,
        remove,
        onClosed,
      }),
    );
  }

  /** A node that gives no weight gets the one that Consul gives the records of others. */
  #define(input: NodeInput): ServiceNode {
    const checked = defineNode(input);
    const node =
      input.weight === undefined ? { ...checked, weight: this.#options.weight } : checked;
    this.#checkName("service", node.service, "register");
    this.#checkName("id", node.id, "register");
    return defineNode(node);
  }

  #place(scope: Scope | undefined): Place {
    return placeOf(scope, this.#options);
  }

  #checkName(field: "service" | "id", name: string, operation: string): void {
    checkPathName(field, name, { registry: this.name, operation });
  }

  #invalid(operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code: "INVALID", registry: this.name, operation, reason });
  }
}

/** Rejects when the signal fires. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fired = (): void => reject(signal.reason as Error);
    if (signal.aborted) fired();
    else signal.addEventListener("abort", fired, { once: true });
  });
}

function identityOf({
  servers,
  datacenter,
  namespace,
  partition,
  filter,
}: ResolvedOptions): string {
  const place = { datacenter, namespace, partition, filter };
  return ["consul", ...servers.map(({ url }) => url).sort(), JSON.stringify(place)].join(" ");
}

/** Time for re-registrations to be processed after a heartbeat learned that the record is gone, in ms. */
const returnSlackMs = 5_000;

function traitsOf({ blocking, intervalMs, registration }: ResolvedOptions): RegistryTraits {
  return Object.freeze({
    delivery: blocking ? "long-poll" : "poll",
    // A registrant learns of a loss with its next heartbeat.
    returnMs: Math.ceil(registration.ttlMs / 3) + returnSlackMs,
    // Blocked queries are answered at once, unless the service changes all the time.
    propagationMs: blocking ? 1_000 : intervalMs,
    scope: scopeKeys,
    keeps: Object.freeze([
      "service",
      "id",
      "host",
      "port",
      "secure",
      "hostname",
      "weight",
      "priority",
      "status",
      "zone",
      "metadata",
    ] as const),
    cannot: Object.freeze({
      R18: "Consul before 1.11 answers a token that may read a service, but not the agents it runs on, as if the service had no node",
    }),
  });
}
