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
  /** The same, in the order of the list. */
  #values: readonly S[] = [];
  readonly #create: (node: ServiceNode, first: boolean) => S;

  /** @param create  `first` says that no node was known before, so nobody is a newcomer. */
  constructor(create: (node: ServiceNode, first: boolean) => S) {
    this.#create = create;
  }

  get(node: ServiceNode): S | undefined {
    return this.#states.get(node.id);
  }

  /** In the order of the list. */
  get values(): readonly S[] {
    return this.#values;
  }

  /** Follows the list; of two nodes with one id the first counts. */
  update(nodes: readonly ServiceNode[]): void {
    if (this.#knows(nodes)) {
      for (const [index, state] of this.#values.entries()) state.node = nodes[index] ?? state.node;
      return;
    }
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
    this.#values = [...after.values()];
  }

  /** Whether the list has the nodes that it had, in their order: what most updates are. */
  #knows(nodes: readonly ServiceNode[]): boolean {
    return (
      nodes.length === this.#values.length &&
      this.#values.every(({ node: old }, index) => {
        const node = nodes[index];
        return node === old || (node?.id === old.id && sameAddress(node, old));
      })
    );
  }
}
