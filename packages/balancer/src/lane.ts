import type { Turn } from "./turn.ts";

/**
 * Nodes of one weight. Their turns are equally long, so whoever had one goes to the end: they stay in the
 * order in which they are due, and the first due is known without looking at the others.
 */
export class Lane {
  /** A ring: the first due is at `#head`. No two are due further apart than a period. */
  readonly #turns: readonly Turn[];
  #head = 0;

  constructor(turns: readonly Turn[]) {
    this.#turns = [...turns].sort((a, b) => a.dueAt - b.dueAt || a.order - b.order);
  }

  get length(): number {
    return this.#turns.length;
  }

  get first(): Turn | undefined {
    return this.#turns[this.#head];
  }

  /** The first has had its turn, or it passed. */
  step(): void {
    this.#head = this.#head + 1 === this.#turns.length ? 0 : this.#head + 1;
  }

  /** After the turns of all passed, to the first one that is due now. */
  seek(): void {
    for (const [index, turn] of this.#turns.entries()) {
      if (turn.dueAt < (this.first?.dueAt ?? 0)) this.#head = index;
    }
  }
}
