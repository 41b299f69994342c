/** The middle of several values and their ends. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The spread of the values that are there; `undefined` when none is. */
export function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const upper = sorted[sorted.length >> 1] ?? max;
  const lower = sorted[(sorted.length - 1) >> 1] ?? min;
  return { median: (lower + upper) / 2, min, max };
}

/** The spread of `values[i] / base[i]`: what both had in the same round. */
export function ratioOf(
  values: readonly (number | undefined)[],
  base: readonly (number | undefined)[],
): Spread | undefined {
  return spreadOf(
    values.map((value, index) => {
      const divisor = base[index];
      return value === undefined || divisor === undefined || divisor === 0
        ? undefined
        : value / divisor;
    }),
  );
}

/**
 * The value that `share` of the values do not exceed, by nearest rank.
 *
 * @param sorted  In rising order, not empty.
 */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
