import { asDiscoveryError, DiscoveryError } from "@rollcall/core";
import { withDeadline } from "@rollcall/core/adapter";

import type { ConsulClient } from "./client.ts";
import { Cluster } from "./cluster.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Place } from "./place.ts";
import type { ServerAddress } from "./server-address.ts";
import { identify, isPeer, isSameCluster, type ServerIdentity } from "./server-identity.ts";

/** A server that could not be asked where it belongs. */
export interface UnknownServer {
  readonly server: ServerAddress;
  readonly error: DiscoveryError;
}

/** Clusters that a read concerns, and servers that may be of others. */
export interface ReadTargets {
  readonly clusters: readonly Cluster[];
  readonly unknown: readonly UnknownServer[];
}

interface Group {
  readonly cluster: Cluster;
  readonly members: readonly ServerIdentity[];
}

/** How long the answer of a server that could not be reached stands, in ms. */
const retryMs = 5_000;

/**
 * Sorts the given servers into clusters, by asking them; a lone one is never asked. What is known of a
 * server is kept; one that cannot be reached is asked again.
 */
export class Clusters {
  readonly #client: ConsulClient;
  readonly #options: ResolvedOptions;
  readonly #identities = new Map<ServerAddress, ServerIdentity>();
  #groups: readonly Group[] = [];
  #unknown: readonly UnknownServer[] = [];
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  readonly #lifetime: AbortSignal;

  /** @param lifetime  Ends questions that nobody waits for any more. */
  constructor(client: ConsulClient, options: ResolvedOptions, lifetime: AbortSignal) {
    this.#client = client;
    this.#options = options;
    this.#lifetime = lifetime;
    const { servers, random } = options;
    if (servers.length === 1) {
      this.#groups = [{ cluster: new Cluster(servers, random), members: [] }];
    }
  }

  /** Where to read: at the cluster of a datacentre, else at all; another one passes a question on. */
  async forReading({ dc }: Place, signal: AbortSignal): Promise<ReadTargets> {
    await this.#sort(signal);
    const clusters = this.#groups.map(({ cluster }) => cluster);
    if (this.#options.servers.length === 1) return { clusters, unknown: [] };
    if (dc === undefined) return { clusters, unknown: this.#unknown };
    const own = this.#groupOf(dc)?.cluster ?? clusters[0];
    return { clusters: own === undefined ? [] : [own], unknown: [] };
  }

  /**
   * Where to register: agents write to their own datacentre only.
   *
   * @throws {@link DiscoveryError} `UNSUPPORTED` when no given server is of the datacentre asked for.
   */
  async forWriting({ dc }: Place, signal: AbortSignal): Promise<Cluster> {
    await this.#sort(signal);
    const [first] = this.#groups;
    if (first === undefined) throw new Error("there is at least one cluster");
    const { cluster } = first;
    if (dc === undefined) return cluster;
    if (this.#options.servers.length === 1 && this.#identities.size === 0) {
      await this.#askOnce(signal);
      this.#groups = [{ cluster, members: [...this.#identities.values()] }];
    }
    const group = this.#groupOf(dc) ?? this.#untoldGroup();
    if (group !== undefined) return group.cluster;
    const [unknown] = this.#unknown;
    if (unknown !== undefined) throw unknown.error;
    throw new DiscoveryError({
      code: "UNSUPPORTED",
      registry: this.#options.name,
      operation: "register",
      reason: `none of the servers is known to be of the datacentre ${JSON.stringify(dc)}; add the address of one of its agents`,
    });
  }

  #groupOf(dc: string): Group | undefined {
    return this.#groups.find(({ members }) => members.some(({ datacenter }) => datacenter === dc));
  }

  /** A lone cluster whose datacentre our rights do not let us know: it is taken to be the one asked for. */
  #untoldGroup(): Group | undefined {
    const [first, second] = this.#groups;
    const isUntold = first?.members.some(({ datacenter }) => datacenter !== undefined) === false;
    return isUntold && second === undefined && this.#unknown.length === 0 ? first : undefined;
  }

  async #sort(signal: AbortSignal): Promise<void> {
    const { servers, clock } = this.#options;
    if (servers.length === 1 || this.#identities.size === servers.length) return;
    if (clock.monotonicMs() - this.#askedAtMs < retryMs && this.#groups.length > 0) return;
    if (this.#groups.length > 0) {
      // Nobody waits for a server that did not answer before.
      this.#askOnce(this.#lifetime).catch(() => undefined);
      return;
    }
    await this.#askOnce(signal);
    const [unknown] = this.#unknown;
    if (this.#groups.length === 0 && unknown !== undefined) throw unknown.error;
  }

  /** One round of questions at a time; whoever waits for it does so under a signal of its own. */
  async #askOnce(signal: AbortSignal): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    const asking = this.#asking;
    const { name: registry, connectMs, readMs, clock } = this.#options;
    // Up to three questions to each server, all servers at once.
    const timeoutMs = 3 * (connectMs + readMs);
    const operation = "look at the servers";
    await withDeadline({ timeoutMs, registry, operation, signal, clock }, () => asking);
  }

  async #ask(): Promise<void> {
    const { name: registry, clock, servers } = this.#options;
    const signal = this.#lifetime;
    const unknown: UnknownServer[] = [];
    await Promise.all(
      servers
        .filter((server) => !this.#identities.has(server))
        .map(async (server) => {
          try {
            this.#identities.set(server, await identify(this.#client, server, signal));
          } catch (thrown) {
            const operation = `look at ${server.url}`;
            unknown.push({ server, error: asDiscoveryError(thrown, { registry, operation }) });
          }
        }),
    );
    signal.throwIfAborted();
    this.#askedAtMs = clock.monotonicMs();
    this.#unknown = unknown;
    if (this.#options.servers.length > 1) this.#regroup();
  }

  /** Clusters of before stay the same objects while their servers do. */
  #regroup(): void {
    const lists: { servers: ServerAddress[]; members: ServerIdentity[] }[] = [];
    for (const server of this.#options.servers) {
      const identity = this.#identities.get(server);
      if (identity === undefined) continue;
      const own = lists.find(({ members }) => members.some((one) => isSameCluster(one, identity)));
      if (own === undefined) lists.push({ servers: [server], members: [identity] });
      else {
        own.servers.push(server);
        own.members.push(identity);
      }
    }
    this.#unknown = this.#unknown.filter(({ server }) => {
      const own = lists.find(({ members }) => members.some((one) => isPeer(server, one)));
      own?.servers.push(server);
      return own === undefined;
    });
    const before = this.#groups;
    this.#groups = lists.map(({ servers, members }) => {
      const known = before.find(({ cluster }) => isSameList(cluster.servers, servers));
      return { cluster: known?.cluster ?? new Cluster(servers, this.#options.random), members };
    });
  }
}

function isSameList(a: readonly ServerAddress[], b: readonly ServerAddress[]): boolean {
  return a.length === b.length && a.every((server, index) => server === b[index]);
}
