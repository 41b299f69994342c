import type { Clock } from "./clock.ts";

/** The pause between two steps of a loop, which somebody may cut short. Does not keep the process alive. */
export class WakeablePause {
  readonly #clock: Clock;
  /** Ends every pause, also those that would begin later. */
  readonly #signal: AbortSignal;
  #end: (() => void) | undefined;
  #isWoken = false;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** A step begins: what {@link wake} was called for so far is done in it. */
  begin(): void {
    this.#isWoken = false;
  }

  /** Ends the pause; during a step, the one that would follow it. */
  wake(): void {
    this.#isWoken = true;
    this.#end?.();
  }

  /** Resolves after `ms`, or when woken or ended. */
  for(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#signal.aborted || this.#isWoken) {
        resolve();
        return;
      }
      const over = (): void => {
        cancel();
        this.#end = undefined;
        this.#signal.removeEventListener("abort", over);
        resolve();
      };
      const cancel = this.#clock.after(ms, over);
      this.#end = over;
      this.#signal.addEventListener("abort", over, { once: true });
    });
  }
}
