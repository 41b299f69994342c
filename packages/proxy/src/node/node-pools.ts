import type { UpstreamNode } from "../contract.ts";
import type { DialOptions } from "./dial.ts";
import type { NodeParts } from "./node-connection.ts";
import { nodeKey } from "./node-key.ts";
import { NodePool, type PoolLimits } from "./node-pool.ts";

/** One pool per node, found by the node's identity, or else by its address. */
export class NodePools {
  readonly #parts: NodeParts;
  readonly #dialing: DialOptions;
  readonly #limits: PoolLimits;
  readonly #byNode = new WeakMap<UpstreamNode, NodePool>();
  readonly #byKey = new Map<string, NodePool>();

  constructor(parts: NodeParts, dialing: DialOptions, limits: PoolLimits) {
    this.#parts = parts;
    this.#dialing = dialing;
    this.#limits = limits;
  }

  of(node: UpstreamNode): NodePool {
    const known = this.#byNode.get(node);
    return known === undefined || known.retired ? this.#find(node) : known;
  }

  #find(node: UpstreamNode): NodePool {
    const key = nodeKey(node);
    let pool = this.#byKey.get(key);
    if (pool === undefined) {
      pool = new NodePool(node, this.#parts, this.#dialing, this.#limits);
      this.#byKey.set(key, pool);
    }
    this.#byNode.set(node, pool);
    return pool;
  }

  /** Closes what is idle for too long. */
  sweep(nowMs: number): void {
    for (const [key, pool] of this.#byKey) {
      pool.sweep(nowMs);
      if (!pool.isEmpty) continue;
      // The node may be gone for good.
      pool.retired = true;
      this.#byKey.delete(key);
    }
  }

  close(): void {
    for (const pool of this.#byKey.values()) pool.close();
  }
}
