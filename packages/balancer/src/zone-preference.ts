import type { ServiceNode } from "@rollcall/core";
import { type OptionNames, show } from "@rollcall/core/adapter";

import type { Skip } from "./algorithm.ts";
import type { Balancer, Outcome, Picked } from "./balancer.ts";
import { invalid, resolveNumbers, section } from "./options.ts";

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

const names: OptionNames<ZonePreferenceOptions> = { zone: true, minNodes: true };

/**
 * Prefers nodes of our own zone. Others are used when our zone has none, too few, or none that is not skipped;
 * priority comes first: a node of another zone is chosen before one of a lower priority in ours.
 *
 * The inner balancer sees each zone as a priority of its own, so it chooses among few and keeps what it knows.
 *
 * @throws {@link DiscoveryError} `INVALID` when an option is out of bounds.
 */
export function zonePreference(inner: Balancer, options: ZonePreferenceOptions): Balancer {
  section("zonePreference", options, names);
  const { minNodes } = resolveNumbers("zonePreference.", options, {
    minNodes: { fallback: 1, min: 1, max: 1_000_000 },
  });
  const { zone } = options;
  if (typeof zone !== "string" || zone === "" || zone.length > 255) {
    throw invalid(`zonePreference.zone must be a text of 1 to 255 characters, got ${show(zone)}`);
  }
  return new ZonePreference(inner, zone, minNodes);
}

/** Leads from what the inner balancer is given to what it stands for. */
const standsFor: unique symbol = Symbol("standsFor");

/** A node as the inner balancer sees it: the priority says how near it is as well. */
interface RankedNode extends ServiceNode {
  readonly [standsFor]: Candidate;
}

class ZonePreference implements Balancer {
  readonly #inner: Balancer;
  readonly #zone: string;
  readonly #minNodes: number;
  #nodes: readonly ServiceNode[] | undefined;
  #candidates = new Map<ServiceNode, Candidate>();
  #ranked: readonly RankedNode[] = [];
  /** What the caller of the running pick skips. */
  #skip: Skip | undefined;
  readonly #skipRanked: Skip = (ranked) => this.#skip!(candidateOf(ranked).node);

  constructor(inner: Balancer, zone: string, minNodes: number) {
    this.#inner = inner;
    this.#zone = zone;
    this.#minNodes = minNodes;
  }

  get ejected(): readonly ServiceNode[] | undefined {
    return this.#inner.ejected;
  }

  get warming(): readonly ServiceNode[] | undefined {
    return this.#inner.warming;
  }

  pick(nodes: readonly ServiceNode[], key?: string, skip?: Skip): Picked | undefined {
    if (nodes !== this.#nodes) this.#update(nodes);
    this.#skip = skip;
    const skipRanked = skip === undefined ? undefined : this.#skipRanked;
    const picked = this.#inner.pick(this.#ranked, key, skipRanked);
    this.#skip = undefined;
    return picked === undefined ? undefined : candidateOf(picked.node).wrap(picked);
  }

  #update(nodes: readonly ServiceNode[]): void {
    const near = this.#prioritiesWithEnough(nodes);
    const before = this.#candidates;
    this.#candidates = new Map();
    this.#ranked = nodes.map((node) => {
      const isNear = node.zone === this.#zone && near.has(node.priority);
      const rank = 2 * node.priority + (isNear ? 1 : 0);
      const known = before.get(node);
      const candidate = known?.ranked.priority === rank ? known : new Candidate(node, rank);
      this.#candidates.set(node, candidate);
      return candidate.ranked;
    });
    this.#nodes = nodes;
  }

  #prioritiesWithEnough(nodes: readonly ServiceNode[]): ReadonlySet<number> {
    const counts = new Map<number, number>();
    for (const { weight, zone, priority } of nodes) {
      if (weight > 0 && zone === this.#zone) counts.set(priority, (counts.get(priority) ?? 0) + 1);
    }
    return new Set([...counts.keys()].filter((one) => (counts.get(one) ?? 0) >= this.#minNodes));
  }
}

/** A node at its rank; handed out in place of the inner balancer's object. */
class Candidate implements Picked {
  readonly node: ServiceNode;
  readonly ranked: RankedNode;
  #picked: Picked | undefined;

  constructor(node: ServiceNode, rank: number) {
    this.node = node;
    this.ranked = { ...node, priority: rank, [standsFor]: this };
  }

  wrap(picked: Picked): this {
    this.#picked = picked;
    return this;
  }

  done(outcome: Outcome, elapsedMs: number): void {
    this.#picked?.done(outcome, elapsedMs);
  }
}

function candidateOf(ranked: ServiceNode): Candidate {
  return (ranked as RankedNode)[standsFor];
}
