import type { ServiceNode } from "@rollcall/core";

import {
  type Balancer,
  consistentHash,
  ewma,
  leastConn,
  type Outcome,
  p2c,
  type Picked,
  roundRobin,
} from "../src/index.ts";
import { seeded } from "./random.ts";

/** Time that tests move by hand, in ms. */
export interface HandClock {
  nowMs: number;
  readonly monotonicMs: () => number;
}

export function handClock(): HandClock {
  const clock = { nowMs: 0, monotonicMs: (): number => clock.nowMs };
  return clock;
}

/** Every algorithm, with a fixed seed and a clock that stands still; chash without keys. */
export const algorithms: readonly (readonly [string, () => Balancer])[] = [
  ["roundrobin", () => roundRobin()],
  ["chash", () => consistentHash()],
  ["least_conn", () => leastConn()],
  ["ewma", () => ewma({ random: seeded(1), monotonicMs: () => 0 })],
  ["p2c", () => p2c({ random: seeded(1) })],
];

/** How often each id was picked, by its share: 1 is exactly what its weight says. */
export function byShare(ids: readonly string[], nodes: readonly ServiceNode[]): number[] {
  const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
  return nodes.map(({ id, weight }) => {
    const picks = ids.filter((one) => one === id).length;
    return weight === 0 ? picks : picks / ids.length / (weight / total);
  });
}

/** A program that keeps a number of requests in flight; they end in random order. */
export class Load {
  readonly #inFlight: Picked[] = [];
  readonly #random: () => number;
  readonly #balancer: Balancer;

  constructor(balancer: Balancer, seed = 7) {
    this.#balancer = balancer;
    this.#random = seeded(seed);
  }

  /** Picks this many times, ending requests so that no more than `concurrency` are in flight; the ids. */
  run(
    nodes: () => readonly ServiceNode[],
    picks: number,
    concurrency: number,
    end: (node: ServiceNode) => readonly [Outcome, number] = () => ["ok", 10],
  ): string[] {
    return Array.from({ length: picks }, () => {
      while (this.#inFlight.length >= concurrency) this.#endOne(end);
      const picked = this.#balancer.pick(nodes());
      if (picked === undefined) return "none";
      this.#inFlight.push(picked);
      return picked.node.id;
    });
  }

  #endOne(end: (node: ServiceNode) => readonly [Outcome, number]): void {
    const index = Math.floor(this.#random() * this.#inFlight.length);
    const [picked] = this.#inFlight.splice(index, 1);
    picked?.done(...end(picked.node));
  }
}
