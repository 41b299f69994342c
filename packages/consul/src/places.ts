/** Counts who holds one of a limited number of places. */
export class Places {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a place and returns what gives it back, once; undefined when there is none. */
  take(): (() => void) | undefined {
    if (this.#taken >= this.#limit) return undefined;
    this.#taken += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#taken -= 1;
      isHeld = false;
    };
  }
}
