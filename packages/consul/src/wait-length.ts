/** Shortest wait that cuts lead to, and earliest cut that a time limit is behind, in ms. */
const floorMs = 1_000;
/** Growth per answer: what cut the queries may be gone. */
const growth = 1.02;
/** How near two cuts must be to be the doing of one time limit, as a share of their age. */
const likeness = 0.25;

/**
 * How long blocking queries may wait on this way to the server.
 *
 * A proxy, or a server with a time limit of its own, cuts queries that wait longer than it likes. Two cuts
 * in a row at about the same age are such a limit: queries stay below it then, and try it again later.
 */
export class WaitLength {
  readonly #longestMs: number;
  #ms: number;
  #cutAtMs: number | undefined;

  constructor(waitMs: number) {
    this.#longestMs = waitMs;
    this.#ms = waitMs;
  }

  get ms(): number {
    return this.#ms;
  }

  /** A query was cut at this age, in ms. */
  cut(ageMs: number): void {
    const before = this.#cutAtMs;
    this.#cutAtMs = ageMs < floorMs ? undefined : ageMs;
    if (this.#cutAtMs === undefined) return;
    if (before === undefined || Math.abs(ageMs - before) > likeness * Math.max(ageMs, before))
      return;
    this.#ms = Math.min(this.#ms, Math.max(floorMs, Math.floor(Math.min(ageMs, before) * 0.8)));
  }

  /** A query was answered: what was cut before has no row to be in. */
  answered(): void {
    this.#cutAtMs = undefined;
    this.#ms = Math.min(this.#longestMs, Math.ceil(this.#ms * growth));
  }
}
