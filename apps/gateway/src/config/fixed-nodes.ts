import { isIP } from "node:net";

import { defineNode, DiscoveryError, type NodeInput } from "@rollcall/core";

import type { Path } from "./document.ts";
import type { NodeSource } from "./gateway-config.ts";
import type { Resolution } from "./resolution.ts";
import { showPath } from "./show-path.ts";
import type { PlacedUpstream } from "./placed-upstream.ts";
import type { NodeEntry } from "./upstream-schema.ts";

/**
 * `nodes` of an upstream, in either form.
 *
 * @param secure  Whether they speak TLS, which decides the port where none is written.
 * @returns `undefined` when something is wrong; it was told then.
 */
export function fixedNodes(
  placed: PlacedUpstream,
  secure: boolean,
  resolution: Resolution,
): NodeSource | undefined {
  const { input, document, path } = placed;
  const nodesPath = [...path, "nodes"];
  const entries: { place: Path; entry: NodeEntry }[] = Array.isArray(input.nodes)
    ? input.nodes.map((entry: NodeEntry, index) => ({ place: [...nodesPath, index], entry }))
    : Object.entries((input.nodes ?? {}) as Record<string, number>).map(([address, weight]) => ({
        place: [...nodesPath, address],
        entry: { ...splitAddress(address), weight },
      }));
  const nodes: Omit<NodeInput, "service">[] = [];
  const addresses = new Set<string>();
  let good = true;
  const refuse = (place: Path, message: string): void => {
    good = false;
    resolution.problems.push(document.keyProblem(place, `${showPath(place)} ${message}`));
  };
  for (const { place, entry } of entries) {
    const node = {
      host: withoutBrackets(entry.host),
      port: entry.port ?? (secure ? 443 : 80),
      secure,
      weight: entry.weight,
      ...(entry.priority === undefined ? {} : { priority: entry.priority }),
      ...(entry.metadata === undefined ? {} : { metadata: entry.metadata }),
    };
    try {
      const { id } = defineNode({ ...node, service: "fixed" });
      if (!resolution.policy.allows(node)) {
        refuse(
          place,
          "is an address that is denied; if it is meant, add it to node_addresses.allow",
        );
      }
      if (addresses.has(id)) refuse(place, `names the node ${id} a second time`);
      addresses.add(id);
      nodes.push(node);
    } catch (error) {
      if (!(error instanceof DiscoveryError)) throw error;
      refuse(place, `is not a node: ${error.reason}`);
    }
  }
  return good ? { kind: "fixed", nodes } : undefined;
}

/** `host:port`, `[v6]:port`, or a host alone; nonsense is left in the host, to be refused there. */
function splitAddress(address: string): { host: string; port?: number } {
  if (isIP(address) === 6) return { host: address };
  const match = /^(.*):([^:\]]*)$/s.exec(address);
  if (match === null) return { host: address };
  const digits = match[2]!;
  return { host: match[1]!, port: /^[0-9]{1,6}$/.test(digits) ? Number(digits) : Number.NaN };
}

function withoutBrackets(host: string): string {
  const inner = /^\[(.*)\]$/.exec(host)?.[1];
  return inner !== undefined && isIP(inner) === 6 ? inner : host;
}
