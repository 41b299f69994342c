import type { ServiceNode } from "@rollcall/core";

/** How a request to a picked node ended. */
export type Outcome = "ok" | "http_failure" | "tcp_failure" | "timeout" | "cancelled";

/** A chosen node. One object per node, reused for every pick of it. */
export interface Picked {
  readonly node: ServiceNode;
  /**
   * Tells the balancer how it went. To be called exactly once per pick, also when the caller gave up.
   *
   * @param elapsedMs  From the pick to the end of the response, in ms.
   */
  done(outcome: Outcome, elapsedMs: number): void;
}

/**
 * Chooses one node per request, synchronously.
 *
 * A balancer belongs to one upstream. It keeps its state per node id across updates of the list and
 * forgets a node whose host, port or secure changed. It notices an update by the identity of the array,
 * so pass `view.nodes` itself and not a copy made per request.
 */
export interface Balancer {
  /**
   * Nodes whose requests failed and that are left out for now, for status pages; they are used all the same when
   * nothing else is left. Left out: nobody ejects.
   */
  readonly ejected?: readonly ServiceNode[] | undefined;
  /** Nodes that get a part of their weight because they are new. Left out: nobody starts slowly. */
  readonly warming?: readonly ServiceNode[] | undefined;
  /**
   * @param nodes  Candidates; those of weight 0 are never chosen. Nodes of the highest `priority`
   *   are used until all of them are skipped, then the next group.
   * @param key  What the request is hashed by; used by consistent hashing only.
   * @param skip  Nodes that may not be chosen this time: already tried, ejected, in another zone.
   * @returns `undefined` when there is nothing to choose.
   */
  pick(
    nodes: readonly ServiceNode[],
    key?: string,
    skip?: (node: ServiceNode) => boolean,
  ): Picked | undefined;
}
