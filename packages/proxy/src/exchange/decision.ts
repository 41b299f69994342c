import type { Forward, ProxyOptions, Reply } from "../contract.ts";
import type { ReceivedHead } from "../http1/received-head.ts";

/** Who wants to know where a request goes. Exactly one of the two is called. */
export interface Decided {
  /** @param atOnce  Whether no time has passed since it was asked. */
  decided(decision: Forward | Reply, atOnce: boolean): void;
  /** The route threw, or what it answered cannot be followed. */
  undecided(error: unknown): void;
}

/** What is wrong with an answer that is neither. */
export const noDecision = 'route must answer { kind: "forward", … } or { kind: "reply", … }';

/** Asks where a head goes. The answer is told at once when it is there at once. */
export function decide(route: ProxyOptions["route"], head: ReceivedHead, who: Decided): void {
  try {
    const decision = answered(route(head));
    if ("then" in decision) void decideLater(decision, who);
    else who.decided(decision, true);
  } catch (error) {
    who.undecided(error);
  }
}

function answered<T>(decision: T): T {
  if (typeof decision === "object" && decision !== null) return decision;
  throw new TypeError(noDecision);
}

async function decideLater(decision: Promise<Forward | Reply>, who: Decided): Promise<void> {
  try {
    who.decided(answered(await decision), false);
  } catch (error) {
    who.undecided(error);
  }
}
