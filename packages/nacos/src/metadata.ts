import { nodeStatuses, type NodeStatus, type ServiceNode } from "@rollcall/core";

import { type Owner, ownerText, parseOwner } from "./owner.ts";
import { isRecord } from "./record.ts";

const ownerKey = "rollcall.owner";
const idKey = "rollcall.id";
const statusKey = "rollcall.status";
const weightKey = "rollcall.weight";
const hostnameKey = "rollcall.hostname";
const priorityKey = "rollcall.priority";
const ttlKey = "rollcall.ttl";
/** Before a key of the node's own metadata that would be taken for something else. */
const escape = "rollcall.meta.";

// What servers read from an instance's metadata to judge its beats.
const beatIntervalKey = "preserved.heart.beat.interval";
const beatTimeoutKey = "preserved.heart.beat.timeout";
const deleteTimeoutKey = "preserved.ip.delete.timeout";
const beatKeys: readonly string[] = [beatIntervalKey, beatTimeoutKey, deleteTimeoutKey];
/** The values a server assumes when an instance has none. */
const usualTtlMs = 15_000;

/** What a record's metadata says. */
export interface ReadMetadata {
  /** Undefined for records nobody of ours wrote. */
  readonly owner: Owner | undefined;
  readonly id: string | undefined;
  readonly status: NodeStatus | undefined;
  /** Weight of a node that takes no traffic for another reason. */
  readonly weight: number | undefined;
  readonly hostname: string | undefined;
  readonly priority: number | undefined;
  readonly zone: string | undefined;
  readonly secure: boolean;
  /** The rest. */
  readonly metadata: Record<string, string>;
}

/**
 * Takes metadata apart as it was stored. `zone` and `secure`, which Spring writes as well, are taken out of
 * our own records, where the node's fields put them, and stay in those of others.
 */
export function fromMetadata(raw: unknown): ReadMetadata {
  const texts = textsOf(raw);
  const owner = parseOwner(texts[ownerKey]);
  const isOurs = owner !== undefined;
  const hasTtl = texts[ttlKey] !== undefined;
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(texts)) {
    if (!isOurs && key !== idKey) metadata[key] = value;
    else if (!isOurs) continue;
    else if (key.startsWith(escape)) metadata[key.slice(escape.length)] = value;
    else if (!isReserved(key) && !(hasTtl && beatKeys.includes(key))) metadata[key] = value;
  }
  return {
    owner,
    id: texts[idKey],
    status: isOurs ? nodeStatuses.find((one) => one === texts[statusKey]) : undefined,
    weight: isOurs ? numberOf(texts[weightKey]) : undefined,
    hostname: isOurs ? texts[hostnameKey] : undefined,
    priority: isOurs ? numberOf(texts[priorityKey]) : undefined,
    zone: texts["zone"] === "" ? undefined : texts["zone"],
    secure: texts["secure"]?.toLowerCase() === "true",
    metadata,
  };
}

/** The id that a record's metadata gives it, if it does. */
export function storedId(raw: unknown): string | undefined {
  const id = isRecord(raw) ? raw[idKey] : undefined;
  return typeof id === "string" ? id : undefined;
}

/** How a record of ours is written. */
export interface WrittenMetadata {
  readonly owner: Owner;
  /** The id a node of this host and port has by default. */
  readonly usualId: string;
  /** How long the record outlives its last beat, in ms; undefined when it needs none. */
  readonly ttlMs: number | undefined;
}

/** Metadata for a record of our own; {@link fromMetadata} gives back what went in. */
export function toMetadata(node: ServiceNode, how: WrittenMetadata): Record<string, string> {
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(node.metadata)) {
    metadata[isReserved(key) ? escape + key : key] = value;
  }
  metadata[ownerKey] = ownerText(how.owner);
  if (node.id !== how.usualId) metadata[idKey] = node.id;
  if (node.secure) metadata["secure"] = "true";
  if (node.zone !== undefined) metadata["zone"] = node.zone;
  if (node.hostname !== undefined) metadata[hostnameKey] = node.hostname;
  if (node.priority !== 0) metadata[priorityKey] = String(node.priority);
  if (node.status !== "up") {
    metadata[statusKey] = node.status;
    metadata[weightKey] = String(node.weight);
  }
  if (
    how.ttlMs !== undefined &&
    how.ttlMs !== usualTtlMs &&
    !beatKeys.some((key) => key in metadata)
  ) {
    metadata[ttlKey] = String(how.ttlMs);
    metadata[beatIntervalKey] = String(Math.floor(how.ttlMs / 3));
    metadata[beatTimeoutKey] = String(how.ttlMs);
    metadata[deleteTimeoutKey] = String(how.ttlMs * 2);
  }
  return metadata;
}

/** Length of all keys and values, as servers count it, in UTF-16 units. */
export function lengthOf(metadata: Readonly<Record<string, string>>): number {
  let length = 0;
  for (const [key, value] of Object.entries(metadata)) length += key.length + value.length;
  return length;
}

/** Whether a key of a node's own metadata would be lost or misread as it is. */
function isReserved(key: string): boolean {
  return key === "zone" || key === "secure" || key.startsWith("rollcall.");
}

function textsOf(raw: unknown): Record<string, string> {
  const texts = Object.create(null) as Record<string, string>;
  if (!isRecord(raw)) return texts;
  for (const [key, value] of Object.entries(raw)) {
    if (typeof value === "string") texts[key] = value;
    else if (typeof value === "number" || typeof value === "boolean") texts[key] = String(value);
  }
  return texts;
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d+(\.\d+)?(e[+-]?\d{1,3})?$/.test(text)) return undefined;
  return Number(text);
}
