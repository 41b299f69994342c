import type { ServiceNode } from "../node.ts";

/** Somebody who waits until the backend holds a certain form of the node. */
export interface Waiter extends PromiseWithResolvers<void> {
  readonly node: ServiceNode;
}

/** Everybody who waits for a change of one registration. */
export class UpdateWaiters {
  readonly #waiters = new Set<Waiter>();

  add(node: ServiceNode): Waiter {
    const waiter: Waiter = { node, ...Promise.withResolvers<void>() };
    // Whoever stops waiting first must not make its failure one that nobody handles.
    waiter.promise.catch(() => undefined);
    this.#waiters.add(waiter);
    return waiter;
  }

  delete(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** The backend holds `node`: a later form contains the earlier ones, so the newest serves all. */
  held(node: ServiceNode, isNewest: boolean): void {
    for (const waiter of this.#waiters) {
      if (isNewest || waiter.node === node) waiter.resolve();
    }
  }

  /** The backend will not have `node`; with `isNewest` nobody has anything to wait for. */
  refused(node: ServiceNode, isNewest: boolean, error: unknown): void {
    for (const waiter of this.#waiters) {
      if (isNewest || waiter.node === node) waiter.reject(error);
    }
  }

  /** Nothing changes any more. */
  rejectAll(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}
