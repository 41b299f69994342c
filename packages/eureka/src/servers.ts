import type { Server } from "./server-url.ts";

/**
 * Which server to ask: the one that worked last, from a random start, so that many clients spread over a
 * cluster and each sticks to one server's view of it.
 *
 * Servers that failed are in quarantine: asked last, until they answer again. When all are, none is.
 */
export class Servers {
  readonly #all: readonly Server[];
  readonly #quarantined = new Set<Server>();
  #current: number;

  constructor(all: readonly Server[], random: () => number) {
    this.#all = all;
    this.#current = Math.floor(random() * all.length) % all.length;
  }

  /** Every server once, in the order to try them. */
  order(): readonly Server[] {
    const ring = [...this.#all.slice(this.#current), ...this.#all.slice(0, this.#current)];
    const suspect = ring.filter((server) => this.#quarantined.has(server));
    return [...ring.filter((server) => !this.#quarantined.has(server)), ...suspect];
  }

  succeeded(server: Server): void {
    this.#quarantined.delete(server);
    this.#current = this.#all.indexOf(server);
  }

  failed(server: Server): void {
    this.#quarantined.add(server);
    if (this.#quarantined.size === this.#all.length) this.#quarantined.clear();
  }
}
