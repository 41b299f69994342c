import type { ServiceNode } from "@rollcall/core";

import type { Skip } from "./algorithm.ts";
import type { Balancer, Outcome, Picked } from "./balancer.ts";
import { FailureRow } from "./failure-row.ts";
import { Ledger } from "./ledger.ts";
import {
  type Ejection,
  type OutlierEjectionOptions,
  type OutlierSettings,
  resolveOutlierOptions,
} from "./outlier-options.ts";
import { outliers, RequestCount } from "./success-rate.ts";

/** A balancer that leaves out nodes whose requests fail. */
export interface OutlierEjection extends Balancer {
  /** The nodes that are out now, for status pages; they are used all the same when nothing else is left. */
  readonly ejected: readonly ServiceNode[];
}

/**
 * Leaves out nodes for a while when their requests fail: several in a row, or more often than those of the
 * other nodes. `http_failure`, `tcp_failure` and `timeout` are failures; `cancelled` says nothing.
 *
 * Ejected nodes are skipped, so the inner balancer keeps what it knows. They are used all the same when too
 * few nodes are left (`panicThreshold`), or when a request could go nowhere else. There are no timers: time is
 * read at picks and ends of requests.
 *
 * @throws {@link DiscoveryError} `INVALID` when an option is out of bounds.
 * @see https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
 */
export function outlierEjection(
  inner: Balancer,
  options: OutlierEjectionOptions = {},
): OutlierEjection {
  return new Ejecting(inner, resolveOutlierOptions(options));
}

class Ejecting implements OutlierEjection {
  readonly #inner: Balancer;
  readonly #settings: OutlierSettings;
  readonly #ledger: Ledger<NodeHealth>;
  readonly #out = new Set<NodeHealth>();
  #nodes: readonly ServiceNode[] | undefined;
  /** Nodes that take requests, ejected or not. */
  #count = 0;
  /** When the first of the ejected nodes comes back. */
  #nextReturnMs = Infinity;
  #nextComparisonMs: number;
  /** What the caller of the running pick skips. */
  #skip: Skip | undefined;
  readonly #skipEjected: Skip = (node) =>
    this.#skip?.(node) === true || this.#ledger.get(node)?.isOut === true;

  constructor(inner: Balancer, settings: OutlierSettings) {
    this.#inner = inner;
    this.#settings = settings;
    this.#ledger = new Ledger((node) => new NodeHealth(node, this));
    this.#nextComparisonMs = settings.monotonicMs() + settings.intervalMs;
  }

  get ejected(): readonly ServiceNode[] {
    this.#readmit();
    return Array.from(this.#out, ({ node }) => node);
  }

  get warming(): readonly ServiceNode[] | undefined {
    return this.#inner.warming;
  }

  pick(nodes: readonly ServiceNode[], key?: string, skip?: Skip): Picked | undefined {
    if (nodes !== this.#nodes) this.#update(nodes);
    if (this.#out.size > 0) this.#readmit();
    let picked: Picked | undefined;
    if (this.#out.size > 0 && !this.#panics()) {
      this.#skip = skip;
      picked = this.#inner.pick(nodes, key, this.#skipEjected);
      this.#skip = undefined;
    }
    picked ??= this.#inner.pick(nodes, key, skip);
    return picked === undefined ? undefined : this.#ledger.get(picked.node)?.wrap(picked);
  }

  /** The end of a request; called by {@link NodeHealth}. */
  ended(health: NodeHealth, outcome: Outcome): void {
    const { successRateStdevs, monotonicMs } = this.#settings;
    const failed = outcome !== "ok";
    if (!failed) health.inRow.clear();
    else if (health.inRow.fails(outcome, this.#settings)) {
      this.#eject(health, monotonicMs(), "failures");
    }
    if (successRateStdevs > 0) {
      health.requests.add(failed);
      const nowMs = monotonicMs();
      if (nowMs >= this.#nextComparisonMs) this.#compare(nowMs);
    }
  }

  #update(nodes: readonly ServiceNode[]): void {
    this.#ledger.update(nodes);
    this.#count = 0;
    for (const { node } of this.#ledger.values) if (node.weight > 0) this.#count += 1;
    for (const health of this.#out) {
      if (this.#serves(health)) continue;
      health.isOut = false;
      this.#out.delete(health);
    }
    this.#nodes = nodes;
  }

  /** Whether the node is in the list, and not at weight 0. */
  #serves(health: NodeHealth): boolean {
    return health.node.weight > 0 && this.#ledger.get(health.node) === health;
  }

  #panics(): boolean {
    return this.#count - this.#out.size < this.#settings.panicThreshold * this.#count;
  }

  #eject(health: NodeHealth, nowMs: number, cause: Ejection["cause"]): void {
    const { maxEjectedShare, ejectionMs, maxEjectionMs, intervalMs } = this.#settings;
    const limit = maxEjectedShare > 0 ? Math.max(1, Math.floor(maxEjectedShare * this.#count)) : 0;
    if (health.isOut || this.#out.size >= limit || !this.#serves(health)) return;
    const forgiven = Math.max(0, Math.floor((nowMs - health.returnsAtMs) / intervalMs));
    health.ejections = Math.max(0, health.ejections - forgiven) + 1;
    const forMs = Math.min(maxEjectionMs, ejectionMs * health.ejections);
    health.returnsAtMs = nowMs + forMs;
    health.isOut = true;
    this.#out.add(health);
    this.#nextReturnMs = Math.min(this.#nextReturnMs, health.returnsAtMs);
    this.#settings.onEjected({ node: health.node, cause, forMs });
  }

  #readmit(): void {
    const nowMs = this.#settings.monotonicMs();
    if (nowMs < this.#nextReturnMs) return;
    this.#nextReturnMs = Infinity;
    for (const health of this.#out) {
      if (health.returnsAtMs <= nowMs) {
        health.isOut = false;
        health.inRow.clear();
        health.requests.clear();
        this.#out.delete(health);
        this.#settings.onReturned(health.node);
      } else {
        this.#nextReturnMs = Math.min(this.#nextReturnMs, health.returnsAtMs);
      }
    }
  }

  #compare(nowMs: number): void {
    const settings = this.#settings;
    this.#nextComparisonMs = nowMs + settings.intervalMs;
    const all = this.#ledger.values;
    for (const health of outliers(
      all.filter(({ isOut }) => !isOut),
      settings,
    )) {
      this.#eject(health, nowMs, "success_rate");
    }
    for (const { requests } of all) requests.clear();
  }
}

/** What is known of one node; handed out in place of the inner balancer's object. */
class NodeHealth implements Picked {
  node: ServiceNode;
  readonly requests: RequestCount = new RequestCount();
  readonly inRow: FailureRow = new FailureRow();
  isOut = false;
  /** How often the node was ejected, less what is forgiven. */
  ejections = 0;
  returnsAtMs = 0;
  readonly #owner: Ejecting;
  #picked: Picked | undefined;

  constructor(node: ServiceNode, owner: Ejecting) {
    this.node = node;
    this.#owner = owner;
  }

  wrap(picked: Picked): this {
    this.#picked = picked;
    return this;
  }

  done(outcome: Outcome, elapsedMs: number): void {
    this.#picked?.done(outcome, elapsedMs);
    if (outcome !== "cancelled") this.#owner.ended(this, outcome);
  }
}
