import type { OptionNames } from "@rollcall/core/adapter";

import { balancerOf } from "./algorithm.ts";
import type { Balancer } from "./balancer.ts";
import { LoadMember, Totals } from "./in-flight.ts";
import { resolveRandom, section } from "./options.ts";
import { TwoChoices } from "./two-choices.ts";

/** Options of {@link p2c}. */
export interface P2cOptions {
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

const names: OptionNames<P2cOptions> = { random: true };

/**
 * Power of two choices: of two nodes drawn by weight, the less loaded. O(1) however many nodes there are.
 *
 * Unlike least connections it does not need the whole picture, so many gateways that each see their own
 * requests only do not all choose the same node.
 *
 * @throws {@link DiscoveryError} `INVALID` when an option is out of bounds.
 * @see https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/load_balancers#weighted-least-request
 */
export function p2c(options: P2cOptions = {}): Balancer {
  section("p2c", options, names);
  const random = resolveRandom(options.random);
  const totals = new Totals();
  return balancerOf({
    meet: (node) => new LoadMember(node, totals),
    arrange: (members, before: TwoChoices<LoadMember> | undefined) =>
      new TwoChoices(members, before, { random, isBetter: isLessLoaded }),
  });
}

/** With one more request the second would still be no busier for its weight than the first is now. */
function isLessLoaded(second: LoadMember, first: LoadMember): boolean {
  return (second.load + 1) * first.weight <= first.load * second.weight;
}
