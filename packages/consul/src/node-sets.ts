import { type NodeSet, sameNode, type ServiceNode } from "@rollcall/core";

import { nodeSetOf } from "./node-set.ts";
import type { ResolvedOptions } from "./options.ts";
import type { StoredRecord } from "./stored-record.ts";

/**
 * Makes the node sets of one watch, each from that of before: equal nodes stay the same objects, and
 * records that stayed the same objects cost next to nothing.
 */
export class NodeSets {
  readonly #service: string;
  readonly #options: ResolvedOptions;
  #records: readonly StoredRecord[] = [];
  #nodes: readonly ServiceNode[] = [];
  #byId: Map<string, ServiceNode> = new Map();
  /** Whether each record is one node of its own, in the order of the records. */
  #isPlain = false;

  constructor(service: string, options: ResolvedOptions) {
    this.#service = service;
    this.#options = options;
  }

  next(records: readonly StoredRecord[]): NodeSet {
    const nodes = this.#isPlain ? this.#changed(records) : undefined;
    if (nodes !== undefined) {
      this.#records = records;
      this.#nodes = nodes;
      return { nodes, rejected: [] };
    }
    const { sort, defaultService } = this.#options;
    const set = nodeSetOf({ records, service: this.#service }, this.#options, this.#byId);
    this.#records = records;
    this.#nodes = set.nodes;
    this.#byId = new Map(set.nodes.map((node) => [node.id, node]));
    this.#isPlain =
      sort === "origin" &&
      defaultService === undefined &&
      set.nodes.length === records.length &&
      records.every(({ node }, index) => node?.id === set.nodes[index]?.id);
    return set;
  }

  /** The nodes, when what changed between two plain sets leaves a plain one. */
  #changed(records: readonly StoredRecord[]): readonly ServiceNode[] | undefined {
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
      if (node === undefined || fresh.has(node.id)) return undefined;
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
