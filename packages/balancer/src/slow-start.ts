import type { ServiceNode } from "@rollcall/core";
import type { OptionNames } from "@rollcall/core/adapter";

import type { Skip } from "./algorithm.ts";
import type { Balancer, Picked } from "./balancer.ts";
import { Ledger, type NodeState } from "./ledger.ts";
import { dayMs, resolveClock, resolveNumbers, resolveRandom, section } from "./options.ts";

/** Options of {@link slowStart}. */
export interface SlowStartOptions {
  /** How long it takes a new node to get its full weight. Default 30 000 ms; 1–86 400 000. */
  readonly windowMs?: number | undefined;
  /** What part of its weight it has at least. Default 0.1; 0.001–1. */
  readonly minShare?: number | undefined;
  /**
   * How that part grows: as `(age / window) ^ (1 / aggression)`. 1 is a straight line, more is faster at
   * first. Default 1; 0.1–10.
   */
  readonly aggression?: number | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Time that only grows, in ms. Default `performance.now`. */
  readonly monotonicMs?: (() => number) | undefined;
}

/** A balancer that gives new nodes a part of their weight. */
export interface SlowStart extends Balancer {
  /** The nodes that are starting now. */
  readonly warming: readonly ServiceNode[];
}

const names: OptionNames<SlowStartOptions> = {
  windowMs: true,
  minShare: true,
  aggression: true,
  random: true,
  monotonicMs: true,
};

/**
 * Gives a new node little at first and more and more, so that it can fill its caches and pools.
 *
 * New is who comes while others of its priority serve; the first list, and a list that replaces all nodes,
 * starts at once. A node that is still starting is skipped as often as its missing weight says, and never
 * when a request could go nowhere else.
 *
 * @throws {@link DiscoveryError} `INVALID` when an option is out of bounds.
 * @see https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start
 */
export function slowStart(inner: Balancer, options: SlowStartOptions = {}): SlowStart {
  section("slowStart", options, names);
  return new Starting(inner, {
    ...resolveNumbers("slowStart.", options, {
      windowMs: { fallback: 30_000, min: 1, max: dayMs },
      minShare: { fallback: 0.1, min: 0.001, max: 1, fraction: true },
      aggression: { fallback: 1, min: 0.1, max: 10, fraction: true },
    }),
    random: resolveRandom(options.random),
    monotonicMs: resolveClock(options.monotonicMs),
  });
}

/** When a node was first seen with a weight; `undefined` before that, and for those that need no start. */
interface Start extends NodeState {
  sinceMs: number | undefined;
  served: boolean;
}

type Settings = {
  readonly [Name in keyof SlowStartOptions]-?: NonNullable<SlowStartOptions[Name]>;
};

class Starting implements SlowStart {
  readonly #inner: Balancer;
  readonly #settings: Settings;
  readonly #ledger = new Ledger<Start>((node) => ({ node, sinceMs: undefined, served: false }));
  #nodes: readonly ServiceNode[] | undefined;
  /** Until when some node is starting. */
  #busyUntilMs = -Infinity;
  #nowMs = 0;
  /** What the caller of the running pick skips. */
  #skip: Skip | undefined;
  readonly #skipStarting: Skip = (node) => this.#skip?.(node) === true || this.#isHeldBack(node);

  constructor(inner: Balancer, settings: Settings) {
    this.#inner = inner;
    this.#settings = settings;
  }

  get ejected(): readonly ServiceNode[] | undefined {
    return this.#inner.ejected;
  }

  get warming(): readonly ServiceNode[] {
    const nowMs = this.#settings.monotonicMs();
    if (nowMs >= this.#busyUntilMs) return [];
    const { windowMs } = this.#settings;
    return this.#ledger.values.flatMap(({ node, sinceMs = -Infinity }) =>
      node.weight > 0 && nowMs - sinceMs < windowMs ? [node] : [],
    );
  }

  pick(nodes: readonly ServiceNode[], key?: string, skip?: Skip): Picked | undefined {
    if (nodes !== this.#nodes) this.#update(nodes);
    if (this.#busyUntilMs > -Infinity) {
      this.#nowMs = this.#settings.monotonicMs();
      if (this.#nowMs >= this.#busyUntilMs) {
        this.#busyUntilMs = -Infinity;
      } else {
        this.#skip = skip;
        const picked = this.#inner.pick(nodes, key, this.#skipStarting);
        this.#skip = undefined;
        if (picked !== undefined) return picked;
      }
    }
    return this.#inner.pick(nodes, key, skip);
  }

  #update(nodes: readonly ServiceNode[]): void {
    this.#ledger.update(nodes);
    /** Priorities in which somebody serves already. */
    const served = new Set<number>();
    for (const { node, served: already } of this.#ledger.values) {
      if (already && node.weight > 0) served.add(node.priority);
    }
    const nowMs = this.#settings.monotonicMs();
    for (const start of this.#ledger.values) {
      if (start.served || start.node.weight <= 0) continue;
      start.served = true;
      if (!served.has(start.node.priority)) continue;
      start.sinceMs = nowMs;
      this.#busyUntilMs = nowMs + this.#settings.windowMs;
    }
    this.#nodes = nodes;
  }

  #isHeldBack(node: ServiceNode): boolean {
    const sinceMs = this.#ledger.get(node)?.sinceMs;
    if (sinceMs === undefined) return false;
    const { windowMs, minShare, aggression, random } = this.#settings;
    const age = (this.#nowMs - sinceMs) / windowMs;
    return age < 1 && random() >= Math.max(minShare, age ** (1 / aggression));
  }
}
