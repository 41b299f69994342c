/** Shortest wait that cuts lead to, in ms. */
const floorMs = 1_000;
/** How near two cuts must be to be the doing of one time limit, as a share of their age. */
const likeness = 0.25;

/**
 * How long blocking queries may wait on this way to the server.
 *
 * A proxy, or a server with a time limit of its own, cuts queries that wait longer than it likes. Two cuts
 * in a row at about the same age are such a limit: from then on queries stay below it.
 */
export class WaitLength {
  #ms: number;
  #cutAtMs: number | undefined;

  constructor(waitMs: number) {
    this.#ms = waitMs;
  }

  get ms(): number {
    return this.#ms;
  }

  /** A query was cut at this age, in ms. */
  cut(ageMs: number): void {
    const before = this.#cutAtMs;
    this.#cutAtMs = ageMs;
    if (before === undefined || Math.abs(ageMs - before) > likeness * Math.max(ageMs, before))
      return;
    this.#ms = Math.min(this.#ms, Math.max(floorMs, Math.floor(Math.min(ageMs, before) * 0.8)));
  }

  /** A query was answered: what was cut before has no row to be in. */
  answered(): void {
    this.#cutAtMs = undefined;
  }
}
