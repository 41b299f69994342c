import type { ServiceNode } from "@rollcall/core";

/**
 * How a request to a node ended.
 *
 * - `ok`: the node answered, with a status that does not count as a failure.
 * - `http_failure`: it answered with a status that does.
 * - `tcp_failure`: it could not be reached, or broke the connection.
 * - `timeout`: it was too slow to connect, to read or to answer.
 * - `cancelled`: the caller lost interest first; says nothing about the node.
 */
export type Outcome = "ok" | "http_failure" | "tcp_failure" | "timeout" | "cancelled";

/**
 * A chosen node.
 *
 * One object per node, owned by the balancer and handed out again for every pick of that node: read
 * `node` at once, and keep the object only to call `done`.
 */
export interface Picked {
  readonly node: ServiceNode;
  /**
   * Reports how the request ended. To be called exactly once per pick.
   *
   * @param elapsedMs  From the pick to the end of the request, in ms.
   */
  done(outcome: Outcome, elapsedMs: number): void;
}

/** Chooses one node per request. One balancer serves one upstream and keeps that upstream's state. */
export interface Balancer {
  /**
   * Chooses a node, synchronously.
   *
   * The identity of `nodes` says whether anything changed: the same array is taken to hold the same
   * nodes. After a change, what is known about a node is kept by its id, unless its host, port or
   * secure differ. Nodes of weight 0 are never chosen. The highest priority with a node that may be
   * used serves.
   *
   * @param nodes  Nodes to choose from, ids unique; usually `view.nodes`.
   * @param key  What to hash, for algorithms that hash; others ignore it.
   * @param skip  Nodes to pass over in this pick: already tried, ejected, in another zone. Called
   *   synchronously and at most once per node; must not call back into the balancer.
   * @returns `undefined` when no node has a weight above 0, or all of them are skipped.
   */
  pick(
    nodes: readonly ServiceNode[],
    key?: string,
    skip?: (node: ServiceNode) => boolean,
  ): Picked | undefined;
}
