import type { ServiceNode } from "@rollcall/core";
import { createBackoff, sleep } from "@rollcall/core/adapter";

import type { OwnRecord } from "./own-record.ts";

/** Time for one attempt, in ms. */
const attemptMs = 5_000;
/** Bound of the wait between two attempts, in ms; each waits for a connection as well. */
const maxWaitMs = 2_000;

/**
 * Removals that could not be made in time and are made later.
 *
 * A record lives as long as its session, and the session may outlive the registration: it serves others too. What a
 * server executes after all, or what a dead connection kept us from removing, must not stay.
 */
export class Removals {
  readonly #signal: AbortSignal;
  readonly #owed = new Set<OwnRecord>();

  /** @param signal  Ends all attempts: the sessions end with it, and with them what is owed. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Removes the record now or, when that fails, later as well.
   *
   * @param done  Called when there is nothing left to do.
   */
  async remove(
    record: OwnRecord,
    node: ServiceNode,
    signal: AbortSignal,
    done: () => void,
  ): Promise<void> {
    try {
      await record.remove(node, signal);
      this.#owed.delete(record);
      done();
    } catch (error) {
      if (!this.#owed.has(record)) {
        this.#owed.add(record);
        void this.#removeLater(record, node, done);
      }
      throw error;
    }
  }

  async #removeLater(record: OwnRecord, node: ServiceNode, done: () => void): Promise<void> {
    const backoff = createBackoff({ capMs: maxWaitMs });
    while (!this.#signal.aborted && this.#owed.has(record)) {
      try {
        await sleep(backoff.failed(), this.#signal);
        await record.remove(node, AbortSignal.any([this.#signal, AbortSignal.timeout(attemptMs)]));
        this.#owed.delete(record);
        done();
      } catch {
        // Until it works, or is of no use any more.
      }
    }
  }
}
