/** Ended requests of one node in one interval. */
export class RequestCount {
  ended = 0;
  failed = 0;

  add(failed: boolean): void {
    this.ended += 1;
    if (failed) this.failed += 1;
  }

  clear(): void {
    this.ended = 0;
    this.failed = 0;
  }

  /** 0 to 1; meaningless before the first end. */
  get successRate(): number {
    return 1 - this.failed / this.ended;
  }
}

/**
 * Those whose rate of success is too far below that of the others, worst first; nobody while fewer than
 * `successRateMinNodes` have had enough requests to tell.
 */
export function outliers<T extends { readonly requests: RequestCount }>(
  all: readonly T[],
  rule: {
    readonly successRateStdevs: number;
    readonly successRateMinNodes: number;
    readonly successRateMinRequests: number;
  },
): T[] {
  const judged = all.filter(({ requests }) => requests.ended >= rule.successRateMinRequests);
  if (judged.length < rule.successRateMinNodes) return [];
  const rates = judged.map(({ requests }) => requests.successRate);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  const least = mean - rule.successRateStdevs * Math.sqrt(variance);
  return judged
    .filter(({ requests }) => requests.successRate < least)
    .sort((a, b) => a.requests.successRate - b.requests.successRate);
}
