/** A client's connection, as whoever holds all of them sees it. */
export interface OpenClient {
  /** Whether a request of it is under way. */
  readonly isServing: boolean;
  /** Ends it: at once when idle, else with the answer under way. */
  retire(): void;
  destroy(): void;
  /** Looks after deadlines, and after who has stayed. */
  sweep(nowMs: number): void;
}
