import { type Backoff, createBackoff, sleep } from "@rollcall/core/adapter";

import type { Connection } from "./connection.ts";
import { openConnection } from "./open-connection.ts";
import type { ResolvedOptions } from "./options.ts";

/** Upper bound of the wait between two rounds of failing connection attempts, in ms. */
const pauseCapMs = 1_000;

/**
 * The members of the cluster and the one connection to one of them that everything shares.
 *
 * However many callers want one: connections are tried one after the other, and a round that failed is
 * followed by a jittered pause.
 */
export class Members {
  readonly #options: ResolvedOptions;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  readonly #open = new Set<Connection>();
  #next: number;
  #current: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  #retryAtMs = 0;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ baseMs: 50, capMs: pauseCapMs, random: options.random });
    // Many processes start together: they spread over the members.
    this.#next = Math.floor(options.random() * options.hosts.length);
  }

  /**
   * The connection to use now. The attempt it may wait for is everybody's, so it hears no caller's signal; it
   * ends within the time limits, or with {@link close}.
   *
   * @throws RpcFailure of the last member tried.
   */
  connection(): Promise<Connection> {
    if (this.#current?.usable === true) return Promise.resolve(this.#current);
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /**
   * What was asked over `connection` failed: the next question goes to the next member. An only member that is
   * slow is kept: whether its connection is dead shows by its silence.
   */
  turnFrom(connection: Connection): void {
    if (this.#current !== connection || this.#options.hosts.length === 1) return;
    this.#current = undefined;
    this.#next += 1;
    connection.retire();
  }

  close(reason: unknown): void {
    this.#closing.abort(reason);
    for (const connection of this.#open) connection.close();
  }

  async #connect(): Promise<Connection> {
    const { signal } = this.#closing;
    const { hosts, clock } = this.#options;
    const pauseMs = this.#retryAtMs - clock.monotonicMs();
    if (pauseMs > 0) await sleep(pauseMs, signal, clock);
    let failure: unknown;
    for (let tried = 0; tried < hosts.length; tried += 1) {
      const host = hosts[this.#next % hosts.length];
      if (host === undefined) break;
      try {
        const connection = await openConnection(host, this.#options, signal);
        this.#backoff.reset();
        this.#adopt(connection);
        return connection;
      } catch (thrown) {
        signal.throwIfAborted();
        failure = thrown;
        this.#next += 1;
      }
    }
    this.#retryAtMs = clock.monotonicMs() + this.#backoff.failed();
    throw failure;
  }

  #adopt(connection: Connection): void {
    for (const one of this.#open) if (one.isClosed) this.#open.delete(one);
    this.#open.add(connection);
    this.#current = connection;
  }
}
