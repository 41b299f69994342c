import { byId, type ServiceNode } from "@rollcall/core";

import type { Group, Member, Skip } from "./algorithm.ts";
import { hashText } from "./hash.ts";
import { firstFrom, layOut, type RingPoints, slotOf, slots } from "./ring-points.ts";

const keySeed = 0x811c9dc5;
/** 2³² by the golden ratio: its multiples are spread over the circle as evenly as can be. */
const golden = 0x9e3779b9;

/** One node on the ring. */
export class RingMember implements Member {
  node: ServiceNode;

  constructor(node: ServiceNode) {
    this.node = node;
  }

  /** Where a key belongs does not depend on how requests end. */
  done(): void {}
}

/**
 * Each node has points on a circle, by its weight, at places that depend on its id alone; a key belongs to
 * the node whose point comes next. A node that goes gives away its keys and no others, and one that comes
 * takes its keys and moves no others.
 */
export class Ring implements Group<RingMember> {
  readonly #members: readonly RingMember[];
  readonly #ring: RingPoints;
  /** By slot: the last walk that found the node skipped. */
  readonly #skippedBy: Float64Array;
  #walks = 0;
  #keyless = 0;

  /** @param before  The ring that this one replaces. */
  constructor(members: readonly RingMember[], before: Ring | undefined) {
    this.#members = [...members].sort((a, b) => byId(a.node, b.node)).slice(0, slots);
    const nodes = this.#members.map(({ node }) => node);
    this.#ring = layOut(nodes, before === undefined ? undefined : before.#ring);
    this.#skippedBy = new Float64Array(nodes.length);
    if (before !== undefined) this.#keyless = before.#keyless;
  }

  pick(skip: Skip | undefined, key: string | undefined): RingMember | undefined {
    const { points } = this.#ring;
    const first = firstFrom(points, this.#positionOf(key));
    return skip === undefined ? this.#memberAt(first) : this.#walk(first, skip);
  }

  /** From point to point until a node is not skipped; each node is asked about once. */
  #walk(first: number, skip: Skip): RingMember | undefined {
    this.#walks += 1;
    let left = this.#members.length;
    for (let place = first; left > 0; place += 1) {
      if (place >= this.#ring.points.length) place = 0;
      const slot = slotOf(this.#ring.points[place] ?? 0);
      if (this.#skippedBy[slot] === this.#walks) continue;
      const member = this.#members[slot];
      if (member !== undefined && !skip(member.node)) return member;
      this.#skippedBy[slot] = this.#walks;
      left -= 1;
    }
    return undefined;
  }

  #memberAt(place: number): RingMember | undefined {
    const { points } = this.#ring;
    return this.#members[slotOf(points[place === points.length ? 0 : place] ?? 0)];
  }

  /** Requests without a key are spread over the circle. */
  #positionOf(key: string | undefined): number {
    if (key !== undefined && key !== "") return hashText(key, keySeed);
    this.#keyless = (this.#keyless + golden) >>> 0;
    return this.#keyless;
  }
}
