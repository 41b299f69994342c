/** A pool as the budget sees it. */
export interface BudgetMember {
  /** Whether a request waits that could have a connection but for the budget. */
  readonly wantsMore: boolean;
  /** Closes one connection that nobody uses; `false`: there is none. */
  closeIdle(): boolean;
  /** Lets the first of those that wait try again. */
  serveNext(): void;
}

/** Bounds of a budget. */
export interface BudgetLimits {
  /** Open connections to all nodes together, idle ones included; 0: no bound. */
  readonly maxTotal: number;
}

/** The connections to all nodes together: how many there may be, and whose turn it is when one is free. */
export class ConnectionBudget {
  readonly #limits: BudgetLimits;
  readonly #members = new Set<BudgetMember>();
  /** Pools where requests wait, who came first first. */
  readonly #waiting = new Set<BudgetMember>();
  /** Whether it was found that none is idle, so that nobody need look again until one is. */
  #noneIdle = false;
  /** Connections that are open, or being opened. */
  open = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  join(member: BudgetMember): void {
    this.#members.add(member);
  }

  leave(member: BudgetMember): void {
    this.#members.delete(member);
    this.#waiting.delete(member);
  }

  /** Whether one more may be opened; somebody's idle one makes room for it. */
  mayOpen(): boolean {
    const { maxTotal } = this.#limits;
    if (maxTotal === 0 || this.open < maxTotal) return true;
    if (this.#noneIdle) return false;
    for (const member of this.#members) if (member.closeIdle()) return true;
    this.#noneIdle = true;
    return false;
  }

  /** A request waits at this pool. */
  wait(member: BudgetMember): void {
    this.#waiting.add(member);
  }

  /** A connection has ended, or nobody uses it any more. */
  freed(): void {
    this.#noneIdle = false;
    for (const member of this.#waiting) {
      if (!member.wantsMore) continue;
      // To the end of the line, if more wait there.
      this.#waiting.delete(member);
      member.serveNext();
      return;
    }
  }
}
