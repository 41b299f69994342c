import type { Value } from "./request-numbers.ts";

/** How the TLS handshake of a client ended. */
export type HandshakeResult = "completed" | "failed";

/** TLS handshakes of clients by how they ended. */
export class HandshakeNumbers {
  readonly #byResult: Record<HandshakeResult, number> = { completed: 0, failed: 0 };

  add(result: HandshakeResult): void {
    this.#byResult[result] += 1;
  }

  /** Takes out what was counted; counting starts anew. */
  take(): Readonly<Record<HandshakeResult, number>> {
    const taken = { ...this.#byResult };
    this.#byResult.completed = 0;
    this.#byResult.failed = 0;
    return taken;
  }

  /** Adds what another process has taken out. */
  merge(taken: Readonly<Record<HandshakeResult, number>>): void {
    this.#byResult.completed += taken.completed;
    this.#byResult.failed += taken.failed;
  }

  totals(): readonly Value[] {
    return Object.entries(this.#byResult).map(([result, value]) => ({ value, labels: { result } }));
  }
}
