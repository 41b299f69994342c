import {
  DiscoveryError,
  type NodeSet,
  type RejectedRecord,
  sameNode,
  type ServiceNode,
} from "@rollcall/core";

import type { App } from "./apps.ts";
import { decodeInstance, shown } from "./codec.ts";
import type { Instance } from "./instance.ts";

/** Nodes of one service by id, as they were yielded last. */
export type KnownNodes = ReadonlyMap<string, ServiceNode>;

/** Decodes one application; an absent one has no nodes. */
export interface Decoder {
  /**
   * @param known  Nodes of before: an equal one is yielded again as the same object.
   * @throws {@link DiscoveryError} `PROTOCOL` when nothing can be known of the application.
   */
  decode(app: App | undefined, known: KnownNodes): NodeSet;
}

/** @param weight  Of nodes that have none of their own. */
export function createDecoder(registry: string, weight: number): Decoder {
  // A delta leaves the records it does not name as they are: of 10 000 only the changed one is decoded.
  const decoded = new WeakMap<Instance, ServiceNode>();
  return {
    decode(app, known) {
      if (app === undefined) return { nodes: [] };
      if (app.problem !== undefined) {
        const where = { registry, operation: `decode ${shown(app.name)}` };
        throw new DiscoveryError({ code: "PROTOCOL", ...where, reason: app.problem });
      }
      const nodes: ServiceNode[] = [];
      const rejected: RejectedRecord[] = [];
      for (const instance of app.instances.values()) {
        const same = decoded.get(instance);
        if (same?.service === app.name) {
          nodes.push(same);
          continue;
        }
        const { node, error } = decodeInstance(instance, { registry, app: app.name, weight });
        if (error !== undefined) rejected.push({ key: instance.key, error });
        if (node === undefined) continue;
        const before = known.get(node.id);
        const kept = before !== undefined && sameNode(before, node) ? before : node;
        nodes.push(kept);
        // One with a complaint complains again each time.
        if (error === undefined) decoded.set(instance, kept);
      }
      return { nodes, rejected };
    },
  };
}
