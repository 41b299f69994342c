import { DiscoveryError } from "@rollcall/core";
import type { Clock } from "@rollcall/core/adapter";

import type { Cluster } from "./cluster.ts";
import type { ServerAddress } from "./server-address.ts";

/**
 * The agent that holds a registration. Agents know of their own records only, so a registration stays with
 * one, and moves to another of its datacentre when that has been silent for half of the lease: the record
 * there is about to lapse.
 */
export class Home {
  readonly #clusterOf: (signal: AbortSignal) => Promise<Cluster>;
  readonly #patienceMs: number;
  readonly #clock: Clock;
  #cluster: Cluster | undefined;
  #server: ServerAddress | undefined;
  #heardAtMs = 0;
  /** Whether the agent of now has ever answered us. */
  #isSettled = false;
  /** Agents that may hold a record of ours. */
  readonly #written = new Set<ServerAddress>();

  /** @param clusterOf  Finds the datacentre's agents. */
  constructor(clusterOf: (signal: AbortSignal) => Promise<Cluster>, ttlMs: number, clock: Clock) {
    this.#clusterOf = clusterOf;
    this.#patienceMs = ttlMs / 2;
    this.#clock = clock;
  }

  /** Makes one attempt of a call where the record is, or where it is to be from now on. */
  async call<T>(call: (server: ServerAddress) => Promise<T>, signal: AbortSignal): Promise<T> {
    const cluster = (this.#cluster ??= await this.#clusterOf(signal));
    const server = this.#server ?? this.#settle(cluster);
    this.#written.add(server);
    try {
      const value = await call(server);
      this.#heardAtMs = this.#clock.monotonicMs();
      this.#isSettled = true;
      cluster.succeeded(server);
      return value;
    } catch (thrown) {
      if (thrown instanceof DiscoveryError && thrown.retryable) {
        cluster.failed(server);
        const silentMs = this.#clock.monotonicMs() - this.#heardAtMs;
        if (!this.#isSettled || silentMs >= this.#patienceMs) this.#settle(cluster);
      }
      throw thrown;
    }
  }

  /** Makes a call where the record is; and, waiting for nothing, where one may have been left. */
  async leave(call: (server: ServerAddress) => Promise<void>): Promise<void> {
    for (const server of this.#written) {
      // What is left there lapses by itself, should it not be reached.
      if (server !== this.#server) call(server).catch(() => undefined);
    }
    if (this.#server !== undefined) await call(this.#server);
  }

  /** Chooses an agent: not the one of now, if there is any other. */
  #settle(cluster: Cluster): ServerAddress {
    const order = cluster.order();
    const server = order.find((one) => one !== this.#server) ?? order[0];
    if (server === undefined) throw new Error("a cluster has at least one server");
    this.#isSettled = false;
    this.#server = server;
    this.#heardAtMs = this.#clock.monotonicMs();
    return server;
  }
}
