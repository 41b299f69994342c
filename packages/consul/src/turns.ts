/** Leave to hold one of a limited number of connections. */
export interface Turn {
  /** Whether others wait: then it should be short. */
  readonly isContended: boolean;
  /** Fires when somebody began to wait during a turn that nobody waited for before. */
  readonly over: AbortSignal;
  /** Gives it back. */
  end(): void;
}

interface Holder {
  readonly isContended: boolean;
  readonly over: AbortController;
}

/**
 * Shares a limited number of connections among any number of blocking queries: while there are enough, each
 * keeps its own for as long as it likes; otherwise they take turns, first come, first served.
 */
export class Turns {
  readonly #limit: number;
  readonly #holders = new Set<Holder>();
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when it is one's turn; rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const isFree = this.#holders.size < this.#limit && this.#waiting.size === 0;
    const holder = isFree ? this.#hold() : await this.#wait(signal);
    return {
      isContended: holder.isContended,
      over: holder.over.signal,
      end: () => {
        if (this.#holders.delete(holder)) this.#next();
      },
    };
  }

  #hold(): Holder {
    const holder = { isContended: this.#waiting.size > 0, over: new AbortController() };
    this.#holders.add(holder);
    return holder;
  }

  #wait(signal: AbortSignal): Promise<Holder> {
    return new Promise((resolve, reject) => {
      const called = (): void => {
        this.#waiting.delete(called);
        signal.removeEventListener("abort", aborted);
        resolve(this.#hold());
      };
      const aborted = (): void => {
        this.#waiting.delete(called);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", aborted, { once: true });
      this.#waiting.add(called);
      this.#hurry();
    });
  }

  /** Ends the longest turn that was begun in the belief that nobody waits. */
  #hurry(): void {
    for (const { isContended, over } of this.#holders) {
      if (isContended || over.signal.aborted) continue;
      over.abort();
      return;
    }
  }

  #next(): void {
    const [called] = this.#waiting;
    if (called !== undefined && this.#holders.size < this.#limit) called();
  }
}
