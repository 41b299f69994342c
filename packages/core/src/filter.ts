import { sameElements } from "./fold.ts";
import type { ServiceNode } from "./node.ts";

/** Narrows the nodes of one view. The same input array gives the very same output array. */
export type NodeFilter = (nodes: readonly ServiceNode[]) => readonly ServiceNode[];

/**
 * Makes a filter that runs once per change and not once per request: the answer is kept per input
 * array, and stays the same array while the chosen nodes do, so balancers keep their state.
 *
 * It remembers one answer: make one filter per view.
 */
export function nodeFilter(accepts: (node: ServiceNode) => boolean): NodeFilter {
  let input: readonly ServiceNode[] | undefined;
  let output: readonly ServiceNode[] = Object.freeze([]);
  return (nodes) => {
    if (nodes !== input) {
      const chosen = nodes.filter(accepts);
      if (!sameElements(output, chosen)) output = Object.freeze(chosen);
      input = nodes;
    }
    return output;
  };
}

/** Nodes whose metadata has every one of these values. */
export function byMetadata(wanted: Readonly<Record<string, string>>): NodeFilter {
  const entries = Object.entries(wanted);
  return nodeFilter(({ metadata }) => entries.every(([key, value]) => metadata[key] === value));
}

/** Nodes of one version: `metadata.version`, as Spring Cloud and Nacos write it. */
export function byVersion(version: string): NodeFilter {
  return byMetadata({ version });
}

/** Nodes of one zone. */
export function byZone(zone: string): NodeFilter {
  return nodeFilter((node) => node.zone === zone);
}
