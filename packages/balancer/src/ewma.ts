import type { ServiceNode } from "@rollcall/core";
import type { OptionNames } from "@rollcall/core/adapter";

import { balancerOf } from "./algorithm.ts";
import type { Balancer, Outcome } from "./balancer.ts";
import { LoadMember, Totals } from "./in-flight.ts";
import { dayMs, resolveClock, resolveNumbers, resolveRandom, section } from "./options.ts";
import { TwoChoices } from "./two-choices.ts";

/** Options of {@link ewma}. */
export interface EwmaOptions {
  /**
   * How long what was measured counts: after this time without a request its weight is 1/e. Default
   * 10 000 ms; 1–86 400 000.
   */
  readonly decayMs?: number | undefined;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Time that only grows, in ms. Default `performance.now`. */
  readonly monotonicMs?: (() => number) | undefined;
}

const names: OptionNames<EwmaOptions> = { decayMs: true, random: true, monotonicMs: true };

/** One request in eight: how much the newest end of a request counts in a node's rate of success. */
const successStep = 1 / 8;
/** They bound what a ratio of two costs can be. */
const leastSuccess = 0.001;
const leastLatencyMs = 0.001;

/**
 * Peak EWMA of two choices: of two nodes drawn by weight the one that will have answered sooner, by its
 * latency, its failures and its requests in flight.
 *
 * Latency is a moving average that follows a rise at once and a fall slowly. Failures raise a node's cost
 * and never lower its latency, so one that fails fast attracts nothing. Nodes that answer equally fast get
 * their shares by weight; beside a faster one, a node that is k times as slow keeps a k-th of it. What was
 * measured fades, so a slow node is tried again. Of a newcomer nothing is known: it is as good as the other.
 *
 * @throws {@link DiscoveryError} `INVALID` when an option is out of bounds.
 * @see https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala
 */
export function ewma(options: EwmaOptions = {}): Balancer {
  section("ewma", options, names);
  const { decayMs } = resolveNumbers("ewma.", options, {
    decayMs: { fallback: 10_000, min: 1, max: dayMs },
  });
  const random = resolveRandom(options.random);
  const monotonicMs = resolveClock(options.monotonicMs);
  const totals = new Totals();

  function isBetter(second: TimedMember, first: TimedMember): boolean {
    const cost = second.costBeside(first);
    const afterSecond = ((second.load + 1) * cost) / second.weight;
    if (afterSecond <= first.load / first.weight) return true;
    // Faster, but not so much that it outweighs the queue: a draw keeps the slower one in use and measured.
    return afterSecond < (first.load + 1) / first.weight && random() < 1 - cost;
  }

  return balancerOf({
    meet: (node) => new TimedMember(node, totals, decayMs, monotonicMs),
    arrange: (members, before: TwoChoices<TimedMember> | undefined) =>
      new TwoChoices(members, before, { random, isBetter }),
  });
}

/** A node, its requests in flight, and how the ended ones went. */
class TimedMember extends LoadMember {
  readonly #decayMs: number;
  readonly #monotonicMs: () => number;
  /** Moving average in ms; 0 while nothing is known. */
  #latencyMs = 0;
  /** Moving average of 1 for each success and 0 for each failure. */
  #success = 1;
  #measuredAtMs = 0;

  constructor(node: ServiceNode, totals: Totals, decayMs: number, monotonicMs: () => number) {
    super(node, totals);
    this.#decayMs = decayMs;
    this.#monotonicMs = monotonicMs;
  }

  override done(outcome: Outcome, elapsedMs: number): void {
    super.done(outcome, elapsedMs);
    // That a client left, or that a request failed, tells of the latency only that it is not shorter.
    const slower = this.#latencyMs > 0 && elapsedMs > this.#latencyMs;
    if (outcome === "cancelled" && !slower) return;
    const nowMs = this.#monotonicMs();
    if (slower || (outcome === "ok" && elapsedMs >= 0)) this.#observe(elapsedMs, nowMs);
    if (outcome !== "cancelled") {
      this.#success += ((outcome === "ok" ? 1 : 0) - this.#success) * successStep;
    }
    this.#measuredAtMs = nowMs;
  }

  /**
   * What a request costs here for each one at `other`; 1 when they are alike. It fades to 1 with the age
   * of what was measured.
   */
  costBeside(other: TimedMember): number {
    const known = this.#latencyMs > 0 && other.#latencyMs > 0;
    const latency = known ? this.#latencyMs / other.#latencyMs : 1;
    const success = Math.max(other.#success, leastSuccess) / Math.max(this.#success, leastSuccess);
    const cost = latency * success;
    if (cost === 1) return 1;
    const ageMs = 2 * this.#monotonicMs() - this.#measuredAtMs - other.#measuredAtMs;
    return 1 + (cost - 1) * Math.exp(-ageMs / this.#decayMs);
  }

  #observe(elapsedMs: number, nowMs: number): void {
    const latencyMs = Math.min(Math.max(elapsedMs, leastLatencyMs), dayMs);
    const fading = Math.exp(-(nowMs - this.#measuredAtMs) / this.#decayMs);
    this.#latencyMs =
      latencyMs > this.#latencyMs ? latencyMs : this.#latencyMs * fading + latencyMs * (1 - fading);
  }
}
