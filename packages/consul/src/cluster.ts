import { DiscoveryError } from "@rollcall/core";

import type { ServerAddress } from "./server-address.ts";

/**
 * Servers and agents of one datacentre, any of which can be asked: first the one that worked last, from a
 * random start, so that many clients spread and each sticks to one server's view.
 *
 * Servers that failed are in quarantine: asked last, until they answer again. When all are, none is.
 */
export class Cluster {
  readonly servers: readonly ServerAddress[];
  readonly #quarantined = new Set<ServerAddress>();
  #current: number;

  constructor(servers: readonly ServerAddress[], random: () => number) {
    this.servers = servers;
    this.#current = Math.floor(random() * servers.length) % servers.length;
  }

  /** Every server once, in the order to try them. */
  order(): readonly ServerAddress[] {
    const { servers } = this;
    const ring = [...servers.slice(this.#current), ...servers.slice(0, this.#current)];
    const suspect = ring.filter((server) => this.#quarantined.has(server));
    return [...ring.filter((server) => !this.#quarantined.has(server)), ...suspect];
  }

  succeeded(server: ServerAddress): void {
    this.#quarantined.delete(server);
    this.#current = Math.max(0, this.servers.indexOf(server));
  }

  failed(server: ServerAddress): void {
    this.#quarantined.add(server);
    if (this.#quarantined.size >= this.servers.length) this.#quarantined.clear();
  }

  /**
   * Makes one call at one server after the other until one succeeds.
   *
   * @throws What the calls threw: an error that may pass by waiting before one that will not.
   */
  async attempt<T>(
    call: (server: ServerAddress) => Promise<T>,
    signal: AbortSignal,
    order: readonly ServerAddress[] = this.order(),
  ): Promise<T> {
    const errors: unknown[] = [];
    for (const server of order) {
      try {
        const value = await call(server);
        this.succeeded(server);
        return value;
      } catch (thrown) {
        // A caller's deadline that ran out over a silent server counts against it; a plain abort does not.
        if (thrown instanceof DiscoveryError && thrown.retryable) this.failed(server);
        if (signal.aborted) throw thrown;
        // What one server refuses as wrong, the others do as well.
        if (thrown instanceof DiscoveryError && thrown.code === "INVALID") throw thrown;
        errors.push(thrown);
      }
    }
    throw errors.find((one) => one instanceof DiscoveryError && one.retryable) ?? errors[0];
  }
}
