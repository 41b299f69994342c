import type { BalancerOptions, Ejection } from "@rollcall/balancer";
import type { ServiceNode } from "@rollcall/core";

/** How many changes of one upstream are told within {@link windowMs}. */
const mostTold = 10;
const windowMs = 30_000;

/** A node that its upstream leaves out from now on because its requests failed, or that it uses again. */
export interface NodeChange {
  /** `fixed` for nodes given by hand. */
  readonly registry: string;
  readonly service: string;
  readonly node: Pick<ServiceNode, "id" | "host" | "port">;
  readonly change: "ejected" | "returned";
  /** Of an ejection. */
  readonly cause?: Ejection["cause"] | undefined;
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

/** The same options, with ejections told to `events`. */
export function toldOf(
  events: NodeEvents,
  { registry, service }: Pick<NodeChange, "registry" | "service">,
  options: BalancerOptions,
): BalancerOptions {
  if (options.outlierEjection === undefined) return options;
  let sinceMs = -Infinity;
  let told = 0;
  let untold = 0;
  const tell = ({ id, host, port }: ServiceNode, change: Partial<NodeChange>): void => {
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
    const node = { id, host, port };
    events.changed({ registry, service, node, change: "returned", ...change, untold });
    untold = 0;
  };
  return {
    ...options,
    outlierEjection: {
      ...options.outlierEjection,
      onEjected: ({ node, cause, forMs }) => {
        events.ejected(registry, service);
        tell(node, { change: "ejected", cause, forMs });
      },
      onReturned: (node) => tell(node, {}),
    },
  };
}
