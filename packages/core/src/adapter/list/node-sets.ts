import { sameNode, type ServiceNode } from "../../node.ts";
import type { NodeSet } from "../../registry.ts";

/** A record of a list, as far as it matters here. */
export interface ListedRecord {
  /** What it was decoded to; an equal one that was known before may take its place. */
  node?: ServiceNode | undefined;
  /** What is wrong with it. */
  readonly error?: unknown;
}

/** Nodes of one service by id, as they were yielded last. */
export type KnownNodes = ReadonlyMap<string, ServiceNode>;

/**
 * Makes the node sets of one watch, each from that of before: equal nodes stay the same objects, and
 * records that stayed the same objects cost next to nothing.
 */
export class NodeSets<R extends ListedRecord> {
  readonly #whole: (records: readonly R[], known: KnownNodes) => NodeSet;
  readonly #isOrdered: boolean;
  #records: readonly R[] = [];
  #nodes: readonly ServiceNode[] = [];
  #byId: Map<string, ServiceNode> = new Map();
  /** Whether each record is one node of its own, in the order of the records. */
  #isPlain = false;

  /**
   * @param whole  Makes a set without regard to the one before.
   * @param isOrdered  Whether it takes every record, keeps their order, and adds no node that is none of theirs.
   */
  constructor(
    whole: (records: readonly R[], known: KnownNodes) => NodeSet,
    { isOrdered }: { readonly isOrdered: boolean },
  ) {
    this.#whole = whole;
    this.#isOrdered = isOrdered;
  }

  next(records: readonly R[]): NodeSet {
    const nodes = this.#isPlain ? this.#changed(records) : undefined;
    if (nodes !== undefined) {
      this.#records = records;
      this.#nodes = nodes;
      return { nodes, rejected: [] };
    }
    const set = this.#whole(records, this.#byId);
    this.#records = records;
    this.#nodes = set.nodes;
    this.#byId = new Map(set.nodes.map((node) => [node.id, node]));
    this.#isPlain =
      this.#isOrdered &&
      (set.rejected ?? []).length === 0 &&
      set.nodes.length === records.length &&
      records.every(({ node }, index) => node?.id === set.nodes[index]?.id);
    return set;
  }

  /** The nodes, when what changed between two plain sets leaves a plain one. */
  #changed(records: readonly R[]): readonly ServiceNode[] | undefined {
    const before = this.#records;
    const shorter = Math.min(before.length, records.length);
    let start = 0;
    while (start < shorter && before[start] === records[start]) start += 1;
    let kept = 0;
    let [last, lastNew] = [before.length - 1, records.length - 1];
    while (kept < shorter - start && before[last] === records[lastNew]) {
      kept += 1;
      last -= 1;
      lastNew -= 1;
    }
    const gone = new Map(
      this.#nodes.slice(start, before.length - kept).map((node) => [node.id, node]),
    );
    const fresh = new Map<string, ServiceNode>();
    for (const record of records.slice(start, records.length - kept)) {
      const { node } = record;
      if (node === undefined || record.error !== undefined || fresh.has(node.id)) return undefined;
      const old = gone.get(node.id);
      if (old === undefined && this.#byId.has(node.id)) return undefined;
      if (old !== undefined && sameNode(old, node)) record.node = old;
      fresh.set(node.id, record.node ?? node);
    }
    for (const id of gone.keys()) this.#byId.delete(id);
    for (const [id, node] of fresh) this.#byId.set(id, node);
    const nodes = this.#nodes.slice();
    if (gone.size === fresh.size) {
      let at = start;
      for (const node of fresh.values()) nodes[at++] = node;
      return nodes;
    }
    return nodes.slice(0, start).concat([...fresh.values()], nodes.slice(before.length - kept));
  }
}
