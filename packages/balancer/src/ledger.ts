import { sameAddress, type ServiceNode } from "@rollcall/core";

/** What is known of one node beside the node itself. */
export interface NodeState {
  /** As the newest list has it. */
  node: ServiceNode;
}

/**
 * One state per node id, kept while the node stays in the list: over every update, also at weight 0, and
 * forgotten when its host, port or secure changes, for then it is another node.
 */
export class Ledger<S extends NodeState> {
  #states = new Map<string, S>();
  readonly #create: (node: ServiceNode, first: boolean) => S;

  /** @param create  `first` says that no node was known before, so nobody is a newcomer. */
  constructor(create: (node: ServiceNode, first: boolean) => S) {
    this.#create = create;
  }

  get size(): number {
    return this.#states.size;
  }

  get(node: ServiceNode): S | undefined {
    return this.#states.get(node.id);
  }

  /** Follows the list; of two nodes with one id the first counts. */
  update(nodes: readonly ServiceNode[]): void {
    const before = this.#states;
    const after = new Map<string, S>();
    for (const node of nodes) {
      if (after.has(node.id)) continue;
      let state = before.get(node.id);
      if (state !== undefined && sameAddress(state.node, node)) state.node = node;
      else state = this.#create(node, before.size === 0);
      after.set(node.id, state);
    }
    this.#states = after;
  }

  /** In the order of the list. */
  values(): Iterable<S> {
    return this.#states.values();
  }
}
