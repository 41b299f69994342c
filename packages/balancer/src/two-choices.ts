import { AliasTable } from "./alias-table.ts";
import type { Group, Skip } from "./algorithm.ts";
import type { LoadMember } from "./in-flight.ts";

/** Lighter nodes than this share of the heaviest are treated as having it. */
const lightest = 1e-12;
/** How often a draw may meet nodes that are skipped, or the one it has, before all are looked at. */
const maxDraws = 16;

/**
 * Draws two nodes by weight. The first is chosen, unless the second is better: with equal loads the shares
 * are then exactly the weights, which they are not when the better of two always wins.
 *
 * @see https://doi.org/10.1109/71.963420 M. Mitzenmacher, The Power of Two Choices in Randomized Load
 *   Balancing, 2001
 */
export class TwoChoices<M extends LoadMember> implements Group<M> {
  readonly #members: readonly M[];
  readonly #table: AliasTable;
  #weight = 0;
  readonly #random: () => number;
  readonly #isBetter: (second: M, first: M) => boolean;

  /**
   * @param before  The group that this one replaces: who was not in it is a newcomer.
   * @param rules.random  Uniform in [0, 1).
   * @param rules.isBetter  Whether the second should be chosen instead of the first.
   */
  constructor(
    members: readonly M[],
    before: TwoChoices<M> | undefined,
    rules: {
      readonly random: () => number;
      readonly isBetter: (second: M, first: M) => boolean;
    },
  ) {
    this.#members = members;
    this.#random = rules.random;
    this.#isBetter = rules.isBetter;
    const heaviest = members.reduce((most, { node }) => Math.max(most, node.weight), 0);
    let established = 0;
    for (const member of members) {
      member.weight = Math.max(member.node.weight / heaviest, lightest);
      this.#weight += member.weight;
      if (member.group === before) established += member.weight;
    }
    for (const member of members) {
      const isNew = before !== undefined && member.group !== before;
      if (isNew && established > 0) member.settle(member.weight / established);
      member.group = this;
    }
    this.#table = new AliasTable(members.map(({ weight }) => weight));
  }

  pick(skip: Skip | undefined): M | undefined {
    const first = this.#draw(skip, undefined) ?? this.#search(skip);
    if (first === undefined) return undefined;
    const second = this.#another(first, skip);
    const chosen = second !== undefined && this.#isBetter(second, first) ? second : first;
    chosen.begin();
    return chosen;
  }

  /** Of two nodes the other; of more, one that is drawn. */
  #another(first: M, skip: Skip | undefined): M | undefined {
    const members = this.#members;
    if (members.length !== 2) return members.length < 2 ? undefined : this.#draw(skip, first);
    const other = members[0] === first ? members[1] : members[0];
    return other === undefined || this.#isSkipped(other, skip) ? undefined : other;
  }

  #draw(skip: Skip | undefined, not: M | undefined): M | undefined {
    for (let draws = 0; draws < maxDraws; draws += 1) {
      const member = this.#members[this.#table.draw(this.#random)];
      if (member !== undefined && member !== not && !this.#isSkipped(member, skip)) return member;
    }
    return undefined;
  }

  /** Any node that is not skipped, by weight. Looks at all: when nearly all are skipped. */
  #search(skip: Skip | undefined): M | undefined {
    let found: M | undefined;
    let weight = 0;
    for (const member of this.#members) {
      if (this.#isSkipped(member, skip)) continue;
      weight += member.weight;
      if (this.#random() * weight < member.weight) found = member;
    }
    return found;
  }

  /** A node that is skipped, and maybe for long, must not get a burst when it is back. */
  #isSkipped(member: M, skip: Skip | undefined): boolean {
    if (skip?.(member.node) !== true) return false;
    member.settle(member.weight / this.#weight);
    return true;
  }
}
