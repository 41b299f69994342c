/** Counts how our reading and llhttp's compare, by class. */
export class Tally {
  /** Both accept and mean the same, or both refuse, or both want more. */
  readonly agreements: Map<string, number> = new Map();
  /** Ours refuses, or takes for less, what llhttp accepts or has not refused yet. */
  readonly stricter: Map<string, number> = new Map();
  /** Llhttp refuses earlier what ours waits for the end of, or leaves out. */
  readonly later: Map<string, number> = new Map();

  /** Counts of one kind, the largest first, as lines. */
  static lines(counts: ReadonlyMap<string, number>): string {
    return [...counts]
      .toSorted(([, one], [, other]) => other - one)
      .map(([what, times]) => `${String(times).padStart(9)}  ${what}\n`)
      .join("");
  }

  /** Takes in the counts of another. */
  add(other: Tally): void {
    for (const kind of ["agreements", "stricter", "later"] as const) {
      for (const [what, times] of other[kind]) count(this[kind], what, times);
    }
  }

  report(title: string): string {
    return (
      `${title}: agreements\n${Tally.lines(this.agreements)}` +
      `ours is stricter\n${Tally.lines(this.stricter)}` +
      `llhttp refuses earlier\n${Tally.lines(this.later)}`
    );
  }
}

/** Counts some more. */
export function count(counts: Map<string, number>, what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}
