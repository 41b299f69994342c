/** Log lines that were dropped because their reader stood still, in this process and in others. */
export class DroppedLines {
  readonly #own: () => number;
  #taken = 0;
  #elsewhere = 0;

  /** @param own  How many this process has dropped since it started. */
  constructor(own: () => number) {
    this.#own = own;
  }

  get total(): number {
    return this.#elsewhere + this.#own();
  }

  /** How many this process has dropped since this was last asked. */
  take(): number {
    const before = this.#taken;
    this.#taken = this.#own();
    return this.#taken - before;
  }

  /** Adds what another process has taken out. */
  merge(taken: number): void {
    this.#elsewhere += taken;
  }
}
