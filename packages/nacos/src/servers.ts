import type { Server } from "./server-url.ts";

/**
 * Which server to ask: the one that worked last, from a random start, so that many clients spread over a
 * cluster. One that failed goes to the end of the line.
 */
export class Servers {
  #line: readonly Server[];

  constructor(all: readonly Server[], random: () => number) {
    const start = Math.floor(random() * all.length) % all.length;
    this.#line = [...all.slice(start), ...all.slice(0, start)];
  }

  /** Every server once, in the order to try them. */
  order(): readonly Server[] {
    return this.#line;
  }

  succeeded(server: Server): void {
    this.#line = [server, ...this.#line.filter((one) => one !== server)];
  }

  failed(server: Server): void {
    this.#line = [...this.#line.filter((one) => one !== server), server];
  }
}
