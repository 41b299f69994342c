import type { NodeSet, RejectedRecord } from "@rollcall/core";

import { type Decoded, decodeInstance, type DecodeContext } from "./codec.ts";
import { isYounger } from "./owner.ts";
import { isRecord } from "./record.ts";

/** Decodes the lists of one service, one after the other. */
export interface Decoder {
  /**
   * @param hosts  As the server sent them.
   * @param clusters  Those whose nodes are wanted; empty means all.
   */
  decode(hosts: readonly unknown[], clusters: readonly string[]): NodeSet;
}

interface Known {
  readonly raw: unknown;
  readonly decoded: Decoded;
}

/** An instance that has not changed since the list before is the same node, and costs next to nothing. */
export function createDecoder(context: DecodeContext): Decoder {
  let known: readonly Known[] = [];

  function decodeAll(hosts: readonly unknown[]): readonly Known[] {
    let byPlace: ReadonlyMap<string, Known> | undefined;
    return hosts.map((raw, index) => {
      // Lists mostly keep their order.
      const here = known[index];
      if (here !== undefined && sameInstance(here.raw, raw)) return here;
      byPlace ??= new Map(known.map((one) => [placeOf(one.raw), one]));
      const moved = byPlace.get(placeOf(raw));
      if (moved !== undefined && sameInstance(moved.raw, raw)) return moved;
      return { raw, decoded: decodeInstance(raw, context) };
    });
  }

  return {
    decode(hosts, clusters) {
      known = decodeAll(hosts);
      const chosen = new Map<string, Decoded>();
      const rejected: RejectedRecord[] = [];
      for (const { decoded } of known) {
        const { key, cluster, node, error } = decoded;
        if (clusters.length > 0 && !clusters.includes(cluster)) continue;
        if (error !== undefined) rejected.push({ key, error });
        if (node === undefined) continue;
        const rival = chosen.get(node.id);
        if (rival === undefined || isBetter(decoded, rival)) chosen.set(node.id, decoded);
      }
      const nodes = [...chosen.values()].flatMap(({ node }) => (node === undefined ? [] : [node]));
      return { nodes, rejected };
    },
  };
}

/**
 * Which of two records of one id counts. A process that was replaced leaves its record behind for a while;
 * a stranger's record of our id is nobody's word against its owner's.
 */
function isBetter(a: Decoded, b: Decoded): boolean {
  if (a.owner !== undefined && b.owner !== undefined) return isYounger(a.owner, b.owner);
  if (a.owner !== undefined || b.owner !== undefined) return a.owner !== undefined;
  return a.node?.status === "up" && b.node?.status !== "up";
}

/** What tells an instance from the others of a list. */
function placeOf(raw: unknown): string {
  if (!isRecord(raw)) return "";
  const { ip, port, clusterName, metadata } = raw;
  // Two processes may both claim an address.
  const owner = isRecord(metadata) ? metadata["rollcall.owner"] : undefined;
  return JSON.stringify([ip, port, clusterName, owner]);
}

const compared = ["ip", "port", "weight", "healthy", "enabled", "clusterName"] as const;

function sameInstance(a: unknown, b: unknown): boolean {
  if (!isRecord(a) || !isRecord(b)) return false;
  return (
    compared.every((field) => a[field] === b[field]) && sameFields(a["metadata"], b["metadata"])
  );
}

function sameFields(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
