import { defineNode, type NodeInput, type ServiceNode } from "@rollcall/core";

/** Nodes `n0`, `n1`… with these weights. */
export function weighted(weights: readonly number[], more: Partial<NodeInput> = {}): ServiceNode[] {
  return weights.map((weight, index) =>
    defineNode({
      service: "s",
      host: "10.0.0.1",
      port: index + 1,
      id: `n${index}`,
      weight,
      ...more,
    }),
  );
}
