import type { ServiceNode } from "@rollcall/core";

/**
 * What a retry skips: the nodes that were tried for this request, and others at the same address.
 *
 * @returns `undefined` while nothing was tried, so that first attempts cost nothing. With every node tried a
 *   pick answers `undefined`.
 */
export function notTried(
  tried: readonly Pick<ServiceNode, "host" | "port">[],
): ((node: ServiceNode) => boolean) | undefined {
  if (tried.length === 0) return undefined;
  return (node) => tried.some(({ host, port }) => host === node.host && port === node.port);
}
