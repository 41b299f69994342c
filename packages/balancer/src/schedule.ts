import type { ServiceNode } from "@rollcall/core";

import type { Turn } from "./turn.ts";

/** Whose turn it is, in one priority group. */
export interface Schedule {
  /** The next turn that `skip` does not refuse; `undefined` when it refuses all. */
  pick(skip: ((node: ServiceNode) => boolean) | undefined): Turn | undefined;
  /** Writes down in each turn how long it still has to wait, before the schedule is replaced. */
  pause(): void;
}
