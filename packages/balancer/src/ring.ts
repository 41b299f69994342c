import type { ServiceNode } from "@rollcall/core";

import type { Group, Member, Skip } from "./algorithm.ts";
import { hashText } from "./hash.ts";
import { layOut, type RingLayout } from "./ring-layout.ts";
import { firstFrom } from "./ring-points.ts";

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
  readonly #layout: RingLayout;
  /** By slot. */
  readonly #members: readonly (RingMember | undefined)[];
  /** By slot: the last walk that found the node skipped. */
  readonly #skippedBy: Float64Array;
  #walks = 0;
  #keyless = 0;

  /** @param before  The ring that this one replaces. */
  constructor(members: readonly RingMember[], before: Ring | undefined) {
    const nodes = members.map(({ node }) => node);
    this.#layout = layOut(nodes, before === undefined ? undefined : before.#layout);
    const bySlot: (RingMember | undefined)[] = this.#layout.ids.map(() => undefined);
    for (const member of members) {
      const slot = this.#layout.slots.get(member.node.id);
      if (slot !== undefined) bySlot[slot] = member;
    }
    this.#members = bySlot;
    this.#skippedBy = new Float64Array(bySlot.length);
    if (before !== undefined) this.#keyless = before.#keyless;
  }

  pick(skip: Skip | undefined, key: string | undefined): RingMember | undefined {
    const { points } = this.#layout;
    const next = firstFrom(points, this.#positionOf(key));
    const first = next === points.slots.length ? 0 : next;
    return skip === undefined
      ? this.#members[points.slots[first] ?? 0]
      : this.#walk(points.slots, first, skip);
  }

  /** From point to point until a node is not skipped; each node is asked about once. */
  #walk(slots: Uint32Array, first: number, skip: Skip): RingMember | undefined {
    this.#walks += 1;
    let left = this.#layout.slots.size;
    for (let place = first; left > 0; place = place + 1 === slots.length ? 0 : place + 1) {
      const slot = slots[place] ?? 0;
      if (this.#skippedBy[slot] === this.#walks) continue;
      const member = this.#members[slot];
      if (member !== undefined && !skip(member.node)) return member;
      this.#skippedBy[slot] = this.#walks;
      left -= 1;
    }
    return undefined;
  }

  /** Requests without a key are spread over the circle. */
  #positionOf(key: string | undefined): number {
    if (key !== undefined && key !== "") return hashText(key, keySeed);
    this.#keyless = (this.#keyless + golden) >>> 0;
    return this.#keyless;
  }
}
