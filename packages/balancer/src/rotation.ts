import type { Group, Skip } from "./algorithm.ts";
import type { Turn } from "./turn.ts";

/** Equal weights: nodes take turns in a ring, O(1) whatever their number. */
export class Rotation implements Group<Turn> {
  readonly #ring: readonly Turn[];
  #next = 0;

  constructor(turns: readonly Turn[]) {
    this.#ring = [...turns].sort((a, b) => a.wait - b.wait);
  }

  pick(skip: Skip | undefined): Turn | undefined {
    const ring = this.#ring;
    for (let looked = 0; looked < ring.length; looked += 1) {
      const turn = ring[this.#next];
      this.#next = this.#next + 1 === ring.length ? 0 : this.#next + 1;
      if (turn !== undefined && (skip === undefined || !skip(turn.node))) return turn;
    }
    return undefined;
  }

  pause(): void {
    const { length } = this.#ring;
    for (const [index, turn] of this.#ring.entries()) {
      const place = (index - this.#next + length) % length;
      turn.wait = (place + 0.5) / length;
    }
  }
}
