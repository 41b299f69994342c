import { nodeStatuses, type NodeStatus, type ServiceNode } from "@rollcall/core";

import { isRecord } from "./record.ts";

/** Who wrote a record, in its metadata: `<generation>.<uuid>`. Records without one are not ours. */
export const ownerKey = "rollcall.owner";
/** A status that Eureka has no name for, or whose override is ours and nobody else's. */
export const statusKey = "rollcall.status";
const hostnameKey = "rollcall.hostname";
const priorityKey = "rollcall.priority";
/** Before a key of the node's own metadata that would be taken for something else. */
const escape = "rollcall.meta.";

/** What a record's metadata says. */
export interface StoredMetadata {
  readonly weight: number | undefined;
  /** What is wrong with a weight that is given. */
  readonly weightProblem: string | undefined;
  readonly zone: string | undefined;
  readonly hostname: string | undefined;
  readonly priority: number | undefined;
  readonly status: NodeStatus | undefined;
  /** The rest. */
  readonly metadata: Record<string, string>;
}

/**
 * Takes metadata apart as it was stored.
 *
 * `weight` is taken out, in every record. `zone` is taken out of our own records, where the node's field
 * put it, and stays in those of others.
 */
export function fromMetadata(raw: unknown): StoredMetadata {
  const texts = metadataTexts(raw);
  const ours = texts[ownerKey] !== undefined;
  const { weight, zone } = texts;
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(texts)) {
    if (key === "weight") continue;
    if (!ours) metadata[key] = value;
    else if (key.startsWith(escape)) metadata[key.slice(escape.length)] = value;
    else if (key !== "zone" && !key.startsWith("rollcall.")) metadata[key] = value;
  }
  const parsedWeight = weight === undefined ? undefined : parseWeight(weight);
  const hasWeight = isRecord(raw) && raw["weight"] !== undefined && raw["weight"] !== null;
  return {
    weight: parsedWeight,
    weightProblem:
      hasWeight && parsedWeight === undefined
        ? "metadata.weight must be a finite number >= 0"
        : undefined,
    zone: zone === "" ? undefined : zone,
    hostname: ours ? texts[hostnameKey] : undefined,
    priority: ours ? parsePriority(texts[priorityKey]) : undefined,
    status: ours ? nodeStatuses.find((one) => one === texts[statusKey]) : undefined,
    metadata,
  };
}

/** Metadata for a record of our own; {@link fromMetadata} gives back what went in. */
export function toMetadata(
  node: ServiceNode,
  owner: string,
  keepsHostname: boolean,
): Record<string, string> {
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(node.metadata)) {
    metadata[isReserved(key) ? escape + key : key] = value;
  }
  // Always written: another reader's default may differ from the node's weight.
  metadata["weight"] = String(node.weight);
  if (node.zone !== undefined) metadata["zone"] = node.zone;
  if (node.priority !== 0) metadata[priorityKey] = String(node.priority);
  if (node.hostname !== undefined && !keepsHostname) metadata[hostnameKey] = node.hostname;
  if (node.status === "draining" || node.status === "unknown") metadata[statusKey] = node.status;
  metadata[ownerKey] = owner;
  return metadata;
}

/** Metadata as texts: numbers and flags become theirs, what is nested is left out. */
export function metadataTexts(raw: unknown): Record<string, string> {
  const texts = Object.create(null) as Record<string, string>;
  if (!isRecord(raw)) return texts;
  for (const [key, value] of Object.entries(raw)) {
    // How the server writes an empty map, or the kind of a full one.
    const isClass = key === "@class" || key === "class";
    if (isClass && typeof value === "string" && value.startsWith("java.util.")) continue;
    if (typeof value === "string") texts[key] = value;
    else if (typeof value === "number" || typeof value === "boolean") texts[key] = String(value);
  }
  return texts;
}

/** Whether a key of a node's own metadata would be lost or misread as it is. */
export function isReserved(key: string): boolean {
  return (
    key === "weight" ||
    key === "zone" ||
    key === "@class" ||
    key === "class" ||
    key.startsWith("rollcall.")
  );
}

function parseWeight(text: string): number | undefined {
  if (!/^\s*\+?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(text)) return undefined;
  const weight = Number(text);
  return Number.isFinite(weight) ? weight : undefined;
}

function parsePriority(text: string | undefined): number | undefined {
  const priority = text !== undefined && /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(priority) ? priority : undefined;
}
