import type { GatewayState } from "../state.ts";
import type { HealthBoard } from "../upstream/health-board.ts";
import type { Standing } from "../upstream/standing.ts";
import type { AttemptsTaken } from "./attempt-numbers.ts";
import type { EjectionsTaken } from "./ejection-numbers.ts";
import type { HandshakeResult } from "./handshake-numbers.ts";
import type { ProcessFigures } from "./process-figures.ts";
import type { RequestsTaken } from "./request-numbers.ts";

/** What is measured when somebody asks, rather than counted as it happens. */
export interface MetricsSource {
  readonly state: GatewayState;
  readonly inFlight: number;
  readonly health: HealthBoard;
}

/** What a process has counted since somebody last took it. */
export interface NumbersTaken {
  readonly requests: readonly RequestsTaken[];
  readonly attempts: readonly AttemptsTaken[];
  readonly ejections: readonly EjectionsTaken[];
  readonly handshakes: Readonly<Record<HandshakeResult, number>>;
  readonly droppedLines: number;
}

/** Worker processes, as the metrics see them. */
export interface WorkerNumbers {
  /** Brings in what they have counted until now, or what is known of those that do not answer in time. */
  collect(): Promise<{
    readonly first: ProcessFigures;
    readonly others: readonly ProcessFigures[];
  }>;
  /** Of each worker, as it said last. */
  standings(): readonly (readonly Standing[])[];
  serving(): number;
  restarts(): number;
}

/** How the last reload went. */
export interface ReloadNote {
  readonly at: number;
  /** Why it was refused; `undefined` when it was not. */
  readonly refused?: string | undefined;
}
