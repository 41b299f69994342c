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
  readonly #cluster: Cluster;
  readonly #patienceMs: number;
  readonly #clock: Clock;
  #server: ServerAddress | undefined;
  #heardAtMs = 0;
  /** Agents that may hold a record of ours. */
  readonly #written = new Set<ServerAddress>();

  constructor(cluster: Cluster, ttlMs: number, clock: Clock) {
    this.#cluster = cluster;
    this.#patienceMs = ttlMs / 2;
    this.#clock = clock;
  }

  /** Makes one attempt of a call where the record is, or where it is to be from now on. */
  async call<T>(call: (server: ServerAddress) => Promise<T>): Promise<T> {
    const server = this.#server ?? this.#cluster.order()[0];
    if (server === undefined) throw new Error("a cluster has at least one server");
    if (this.#server === undefined) this.#heardAtMs = this.#clock.monotonicMs();
    this.#server = server;
    this.#written.add(server);
    try {
      const value = await call(server);
      this.#heardAtMs = this.#clock.monotonicMs();
      this.#cluster.succeeded(server);
      return value;
    } catch (thrown) {
      if (thrown instanceof DiscoveryError && thrown.retryable) {
        this.#cluster.failed(server);
        if (this.#clock.monotonicMs() - this.#heardAtMs >= this.#patienceMs) this.#move(server);
      }
      throw thrown;
    }
  }

  /** Makes a call at every agent that may hold a record; only the one of now has to succeed. */
  async leave(call: (server: ServerAddress) => Promise<void>): Promise<void> {
    const others = [...this.#written].filter((server) => server !== this.#server);
    const [own] = await Promise.allSettled([
      this.#server === undefined ? undefined : call(this.#server),
      ...others.map((server) => call(server)),
    ]);
    if (own.status === "rejected") throw own.reason;
  }

  #move(from: ServerAddress): void {
    const next = this.#cluster.order().find((server) => server !== from);
    if (next === undefined) return;
    this.#server = next;
    this.#heardAtMs = this.#clock.monotonicMs();
  }
}
