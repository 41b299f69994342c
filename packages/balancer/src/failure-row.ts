import type { Outcome } from "./balancer.ts";
import type { OutlierSettings } from "./outlier-options.ts";

/** The failures of one node since its last success, together and by their kind. */
export class FailureRow {
  #all = 0;
  #http = 0;
  #tcp = 0;
  #timeouts = 0;

  clear(): void {
    this.#all = 0;
    this.#http = 0;
    this.#tcp = 0;
    this.#timeouts = 0;
  }

  /** One more; whether there are as many now as eject. */
  fails(outcome: Outcome, settings: OutlierSettings): boolean {
    this.#all += 1;
    if (outcome === "http_failure") this.#http += 1;
    else if (outcome === "tcp_failure") this.#tcp += 1;
    else if (outcome === "timeout") this.#timeouts += 1;
    return (
      reaches(this.#all, settings.consecutiveFailures) ||
      reaches(this.#http, settings.consecutiveHttpFailures) ||
      reaches(this.#tcp, settings.consecutiveTcpFailures) ||
      reaches(this.#timeouts, settings.consecutiveTimeouts)
    );
  }
}

/** 0 is never reached. */
function reaches(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}
