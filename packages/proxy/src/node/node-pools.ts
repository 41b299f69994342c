import type { UpstreamNode } from "../contract.ts";
import type { NodeTls } from "../contract-tls.ts";
import { type BudgetLimits, ConnectionBudget } from "./connection-budget.ts";
import type { DialOptions } from "./dial.ts";
import type { NodeParts } from "./node-connection.ts";
import { nodeKey } from "./node-key.ts";
import { NodePool, type PoolLimits } from "./node-pool.ts";
import { type TlsProfile, TlsProfiles } from "./tls-profile.ts";

type ByNode = WeakMap<UpstreamNode, NodePool>;

/** One pool per node and way to speak TLS to it, found by the node's identity, or else by its address. */
export class NodePools {
  readonly #parts: NodeParts;
  readonly #dialing: DialOptions;
  readonly #limits: PoolLimits;
  readonly #budget: ConnectionBudget;
  readonly #profiles: TlsProfiles;
  readonly #plain: ByNode = new WeakMap();
  readonly #secure = new WeakMap<TlsProfile, ByNode>();
  readonly #byKey = new Map<string, NodePool>();

  constructor(
    parts: NodeParts,
    dialing: DialOptions,
    tls: NodeTls | undefined,
    limits: PoolLimits & BudgetLimits,
  ) {
    this.#parts = parts;
    this.#dialing = dialing;
    this.#profiles = new TlsProfiles(tls);
    this.#limits = limits;
    this.#budget = new ConnectionBudget(limits);
  }

  /**
   * How to speak TLS to nodes.
   *
   * @param tls  The engine's way when left out.
   * @throws TypeError  When it cannot be used.
   */
  profile(tls: NodeTls | undefined): TlsProfile {
    return this.#profiles.of(tls);
  }

  /** @param profile  How to speak to it if it is secure. */
  of(node: UpstreamNode, profile: TlsProfile): NodePool {
    if (!node.secure) return this.#in(this.#plain, node, undefined);
    let known = this.#secure.get(profile);
    if (known === undefined) this.#secure.set(profile, (known = new WeakMap()));
    return this.#in(known, node, profile);
  }

  #in(byNode: ByNode, node: UpstreamNode, profile: TlsProfile | undefined): NodePool {
    const known = byNode.get(node);
    if (known !== undefined && !known.retired) return known;
    const key = nodeKey(node, profile?.id ?? "");
    let pool = this.#byKey.get(key);
    if (pool === undefined) {
      const dialing = { ...this.#dialing, profile };
      pool = new NodePool(node, this.#parts, dialing, this.#limits, this.#budget);
      this.#byKey.set(key, pool);
      this.#budget.join(pool);
    }
    byNode.set(node, pool);
    return pool;
  }

  /** Closes what is idle for too long. */
  sweep(nowMs: number): void {
    for (const [key, pool] of this.#byKey) {
      pool.sweep(nowMs);
      if (!pool.isForgettable(nowMs)) continue;
      // The node may be gone for good.
      pool.retired = true;
      this.#byKey.delete(key);
      this.#budget.leave(pool);
    }
  }

  close(): void {
    for (const pool of this.#byKey.values()) pool.close();
  }
}
