import type { BalancerOptions, Ejection } from "@rollcall/balancer";
import type { ServiceNode } from "@rollcall/core";

import type { ProbeResult } from "./probe.ts";

/** How many changes of one upstream are told within {@link windowMs}. */
const mostTold = 10;
const windowMs = 30_000;

/**
 * A node that its upstream leaves out from now on, because its requests failed (`ejected`) or its checks did
 * (`unhealthy`), or that it uses again.
 */
export interface NodeChange {
  /** `fixed` for nodes given by hand. */
  readonly registry: string;
  readonly service: string;
  readonly node: Pick<ServiceNode, "id" | "host" | "port">;
  readonly change: "ejected" | "returned" | "unhealthy" | "healthy";
  /** Of a node that is left out. */
  readonly cause?: Ejection["cause"] | ProbeResult | undefined;
  /** Of an ejection: for how long, in ms. */
  readonly forMs?: number | undefined;
  /** How many changes of this upstream were not told since the one before. */
  readonly untold: number;
}

/** Who is told of nodes. */
export interface NodeEvents {
  /** Each ejection. */
  ejected(registry: string, service: string): void;
  /** Each change, but not more than a log can bear. */
  changed(change: NodeChange): void;
}

/** Tells changes of one upstream's nodes, as many as a log can bear. */
export function changeTeller(
  changed: (change: NodeChange) => void,
  where: Pick<NodeChange, "registry" | "service">,
): (node: ServiceNode, what: Pick<NodeChange, "change" | "cause" | "forMs">) => void {
  let sinceMs = -Infinity;
  let told = 0;
  let untold = 0;
  return ({ id, host, port }, what) => {
    const nowMs = performance.now();
    if (nowMs - sinceMs >= windowMs) {
      sinceMs = nowMs;
      told = 0;
    }
    if (told === mostTold) {
      untold += 1;
      return;
    }
    told += 1;
    changed({ ...where, node: { id, host, port }, ...what, untold });
    untold = 0;
  };
}

/** The same options, with ejections told to `events`. */
export function toldOf(
  events: NodeEvents,
  where: Pick<NodeChange, "registry" | "service">,
  options: BalancerOptions,
): BalancerOptions {
  if (options.outlierEjection === undefined) return options;
  const tell = changeTeller((change) => events.changed(change), where);
  return {
    ...options,
    outlierEjection: {
      ...options.outlierEjection,
      onEjected: ({ node, cause, forMs }) => {
        events.ejected(where.registry, where.service);
        tell(node, { change: "ejected", cause, forMs });
      },
      onReturned: (node) => tell(node, { change: "returned" }),
    },
  };
}
