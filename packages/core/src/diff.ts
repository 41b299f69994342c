import { sameAddress, sameNode, type ServiceNode } from "./node.ts";

/** What it takes to get from one node set to another. */
export interface NodeDiff {
  readonly added: ServiceNode[];
  /** The new form of each node of the same id and address whose other fields changed. */
  readonly updated: ServiceNode[];
  readonly removed: ServiceNode[];
}

/**
 * Compares two sets by id, whatever their order.
 *
 * An id whose host, port or secure changed is another node: it appears in `removed` and in `added`.
 */
export function diff(before: readonly ServiceNode[], after: readonly ServiceNode[]): NodeDiff {
  const added: ServiceNode[] = [];
  const updated: ServiceNode[] = [];
  const removed: ServiceNode[] = [];
  const previous = new Map(before.map((node) => [node.id, node]));
  for (const node of after) {
    const old = previous.get(node.id);
    previous.delete(node.id);
    if (old === undefined) {
      added.push(node);
    } else if (!sameAddress(old, node)) {
      removed.push(old);
      added.push(node);
    } else if (!sameNode(old, node)) {
      updated.push(node);
    }
  }
  removed.push(...previous.values());
  return { added, updated, removed };
}
