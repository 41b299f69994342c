/**
 * Draws an index with a probability in proportion to its weight, in O(1) and with one random number.
 *
 * @see https://doi.org/10.1109/32.92917 M. D. Vose, A linear algorithm for generating random numbers
 *   with a given distribution, 1991
 */
export class AliasTable {
  /** Of column i: the chance that i itself is drawn, else it is `#aliases[i]`. */
  readonly #chances: Float64Array;
  readonly #aliases: Uint32Array;

  /** @param weights  At least one; each above zero. */
  constructor(weights: readonly number[]) {
    const { length } = weights;
    const chances = new Float64Array(length).fill(1);
    const aliases = new Uint32Array(length);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const small: number[] = [];
    const large: number[] = [];
    for (const [index, weight] of weights.entries()) {
      const columns = (weight / total) * length;
      chances[index] = columns;
      (columns < 1 ? small : large).push(index);
    }
    for (;;) {
      const poor = small.pop();
      const rich = large.pop();
      if (poor === undefined || rich === undefined) {
        // What is left is a whole column, but for rounding.
        const whole = poor ?? rich;
        if (whole !== undefined) chances[whole] = 1;
        for (const index of [...small, ...large]) chances[index] = 1;
        break;
      }
      aliases[poor] = rich;
      const left = (chances[rich] ?? 0) - (1 - (chances[poor] ?? 0));
      chances[rich] = left;
      (left < 1 ? small : large).push(rich);
    }
    this.#chances = chances;
    this.#aliases = aliases;
  }

  /** @param random  Uniform in [0, 1). */
  draw(random: () => number): number {
    const scaled = random() * this.#chances.length;
    const column = Math.floor(scaled);
    return scaled - column < (this.#chances[column] ?? 1) ? column : (this.#aliases[column] ?? 0);
  }
}
