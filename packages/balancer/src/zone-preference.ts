import type { ServiceNode } from "@rollcall/core";

import type { Skip } from "./algorithm.ts";
import type { Balancer, Picked } from "./balancer.ts";
import { invalid, resolveNumbers, show } from "./options.ts";

/** Options of {@link zonePreference}. */
export interface ZonePreferenceOptions {
  /** Our own zone, as nodes name theirs; 1–255 characters. */
  readonly zone: string;
  /**
   * Below this number of nodes in our zone all zones are used, so that a few do not get everything.
   * Default 1; 1–1 000 000.
   */
  readonly minNodes?: number | undefined;
}

/**
 * Prefers nodes of our own zone. Others are used when our zone has none, too few, or none that is not skipped;
 * priority comes first: a node of another zone is chosen before one of a lower priority in ours.
 *
 * Nodes of other zones are skipped, so the inner balancer keeps what it knows.
 *
 * @throws {@link DiscoveryError} `INVALID` when an option is out of bounds.
 */
export function zonePreference(inner: Balancer, options: ZonePreferenceOptions): Balancer {
  const { minNodes } = resolveNumbers("zonePreference.", options, {
    minNodes: { fallback: 1, min: 1, max: 1_000_000 },
  });
  const { zone } = options;
  if (typeof zone !== "string" || zone === "" || zone.length > 255) {
    throw invalid(`zonePreference.zone must be a text of 1 to 255 characters, got ${show(zone)}`);
  }
  return new ZonePreference(inner, zone, minNodes);
}

class ZonePreference implements Balancer {
  readonly #inner: Balancer;
  readonly #zone: string;
  readonly #minNodes: number;
  #nodes: readonly ServiceNode[] | undefined;
  /** Highest first. */
  #priorities: readonly number[] = [];
  /** Those in which our zone has enough nodes. */
  #local: ReadonlySet<number> = new Set();
  /** What the running pick is about. */
  #skip: Skip | undefined;
  #priority = 0;
  readonly #skipOthers: Skip = (node) =>
    node.zone !== this.#zone || node.priority !== this.#priority || this.#skip?.(node) === true;
  readonly #skipOtherPriorities: Skip = (node) =>
    node.priority !== this.#priority || this.#skip?.(node) === true;

  constructor(inner: Balancer, zone: string, minNodes: number) {
    this.#inner = inner;
    this.#zone = zone;
    this.#minNodes = minNodes;
  }

  pick(nodes: readonly ServiceNode[], key?: string, skip?: Skip): Picked | undefined {
    if (nodes !== this.#nodes) this.#update(nodes);
    if (this.#local.size === 0) return this.#inner.pick(nodes, key, skip);
    this.#skip = skip;
    let picked: Picked | undefined;
    for (const priority of this.#priorities) {
      this.#priority = priority;
      if (this.#local.has(priority)) picked = this.#inner.pick(nodes, key, this.#skipOthers);
      picked ??= this.#inner.pick(nodes, key, this.#skipOtherPriorities);
      if (picked !== undefined) break;
    }
    this.#skip = undefined;
    return picked;
  }

  #update(nodes: readonly ServiceNode[]): void {
    const counts = new Map<number, number>();
    for (const { weight, zone, priority } of nodes) {
      if (weight <= 0) continue;
      counts.set(priority, (counts.get(priority) ?? 0) + (zone === this.#zone ? 1 : 0));
    }
    this.#priorities = [...counts.keys()].sort((a, b) => b - a);
    this.#local = new Set(
      this.#priorities.filter((priority) => (counts.get(priority) ?? 0) >= this.#minNodes),
    );
    this.#nodes = nodes;
  }
}
