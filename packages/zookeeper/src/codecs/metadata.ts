import { nodeStatuses, type NodeStatus, type ServiceNode } from "@rollcall/core";

import { ownerToken } from "../owner.ts";
import type { EncodeContext } from "./codec.ts";

/** Who wrote a record: `<generation>.<uuid>.<revision>`. Records without one are not ours. */
export const ownerKey = "rollcall.owner";
const statusKey = "rollcall.status";
const hostnameKey = "rollcall.hostname";
const priorityKey = "rollcall.priority";
/** Keys that were added for other readers, separated by commas. */
const addedKey = "rollcall.added";
/** Before a key of the node's own metadata that would be taken for something else. */
const escape = "rollcall.meta.";

/** What a record's metadata says of a node. */
export interface StoredMetadata {
  readonly weight: number | undefined;
  /** What is wrong with a weight that is given. */
  readonly weightProblem: string | undefined;
  readonly zone: string | undefined;
  readonly hostname: string | undefined;
  readonly priority: number | undefined;
  readonly status: NodeStatus | undefined;
  /** The rest. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Takes metadata apart.
 *
 * `weight` is taken out, in every record. `zone` and the key of the status are taken out of our own records, where
 * the node's fields put them, and stay in those of others.
 *
 * @param statusName  The key under which this kind of record has its status.
 */
export function fromMetadata(
  texts: Readonly<Record<string, string>>,
  statusName: string | undefined,
): StoredMetadata {
  const isOurs = texts[ownerKey] !== undefined;
  const { weight, zone } = texts;
  const added = new Set(isOurs ? texts[addedKey]?.split(",") : []);
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(texts)) {
    if (key === "weight") continue;
    if (!isOurs) metadata[key] = value;
    else if (key.startsWith(escape)) metadata[key.slice(escape.length)] = value;
    else if (key === "zone" || key === statusName || key.startsWith("rollcall.")) continue;
    else if (!added.has(key)) metadata[key] = value;
  }
  const parsedWeight = parseWeight(weight);
  return {
    weight: parsedWeight,
    weightProblem:
      weight !== undefined && parsedWeight === undefined
        ? "metadata.weight must be a finite number >= 0"
        : undefined,
    zone: zone === "" ? undefined : zone,
    hostname: isOurs ? texts[hostnameKey] : undefined,
    priority: isOurs ? parsePriority(texts[priorityKey]) : undefined,
    status: isOurs ? nodeStatuses.find((one) => one === texts[statusKey]) : undefined,
    metadata,
  };
}

/** What a kind of record has in its metadata beside the node's own. */
export interface MetadataExtras {
  /** The key of the status, and its word. */
  readonly status?: readonly [name: string, word: string] | undefined;
  /** What other readers expect, unless the node says it. */
  readonly expected?: Readonly<Record<string, string>> | undefined;
}

/** Metadata for a record of our own; {@link fromMetadata} gives back what went in. */
export function toMetadata(
  node: ServiceNode,
  { owner, revision, edits }: EncodeContext,
  { status, expected = {} }: MetadataExtras,
): Record<string, string> {
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(node.metadata)) {
    const isReserved =
      key === "weight" || key === "zone" || key === status?.[0] || key.startsWith("rollcall.");
    metadata[isReserved ? escape + key : key] = value;
  }
  // Always written: another reader's default may differ from the node's weight.
  metadata["weight"] = String(node.weight);
  if (node.zone !== undefined) metadata["zone"] = node.zone;
  if (node.priority !== 0) metadata[priorityKey] = String(node.priority);
  if (node.hostname !== undefined) metadata[hostnameKey] = node.hostname;
  if (status !== undefined) metadata[status[0]] = status[1];
  if (node.status !== "up" && node.status !== "draining") metadata[statusKey] = node.status;
  metadata[ownerKey] = ownerToken(owner, revision);
  const added = Object.entries(expected).filter(([key]) => metadata[key] === undefined);
  for (const [key, value] of added) metadata[key] = value;
  if (added.length > 0) metadata[addedKey] = added.map(([key]) => key).join(",");
  return Object.assign(metadata, edits);
}

/**
 * What operators changed in metadata of ours: keys with another value, and new ones. Undefined when keys are missing
 * or ours alone are changed: that is damage.
 */
export function editsOf(
  stored: Readonly<Record<string, string>>,
  written: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  for (const [key, value] of Object.entries(written)) {
    const now = stored[key];
    if (key.startsWith("rollcall.") ? now !== value : now === undefined) return undefined;
  }
  const edits = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(stored)) {
    if (value !== written[key] && !key.startsWith("rollcall.")) edits[key] = value;
  }
  return edits;
}

function parseWeight(text: string | undefined): number | undefined {
  if (!/^\s*\+?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(text ?? "")) return undefined;
  const weight = Number(text);
  return Number.isFinite(weight) ? weight : undefined;
}

function parsePriority(text: string | undefined): number | undefined {
  const priority = text !== undefined && /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(priority) ? priority : undefined;
}
