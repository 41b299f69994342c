import type { Forward, ProxyOptions, Reply } from "../contract.ts";
import type { ReceivedHead } from "../http1/received-head.ts";

/** Who wants to know where a request goes. Exactly one of the two is called. */
export interface Decided {
  /** @param atOnce  Whether no time has passed since it was asked. */
  decided(decision: Forward | Reply, atOnce: boolean): void;
  /** The route threw, or what it answered cannot be followed. */
  undecided(error: unknown): void;
}

/** Asks where a head goes. The answer is told at once when it is there at once. */
export function decide(route: ProxyOptions["route"], head: ReceivedHead, who: Decided): void {
  try {
    const decision = route(head);
    if ("then" in decision) void decideLater(decision, who);
    else who.decided(decision, true);
  } catch (error) {
    who.undecided(error);
  }
}

async function decideLater(decision: Promise<Forward | Reply>, who: Decided): Promise<void> {
  try {
    who.decided(await decision, false);
  } catch (error) {
    who.undecided(error);
  }
}
