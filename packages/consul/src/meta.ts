import { nodeStatuses, type NodeStatus, type ServiceNode } from "@rollcall/core";

import { isRecord } from "./record.ts";

/** Who wrote a record: `<generation>.<uuid>`. Records without one are not ours. */
export const ownerKey = "rollcall-owner";
/** Before the JSON of what Meta cannot hold, in the notes of our check. */
export const notesPrefix = "rollcall-metadata ";

const prefix = "rollcall-";
const statusKey = "rollcall-status";
const weightKey = "rollcall-weight";
const hostnameKey = "rollcall-hostname";
const priorityKey = "rollcall-priority";
/** Spring Cloud Consul's own. */
const secureKey = "secure";
const zoneKey = "zone";

// Consul's bounds, and room for our own keys.
const maxPairs = 56;
const keyPattern = /^[A-Za-z0-9_-]{1,128}$/;
const maxValueBytes = 512;

/** What a record says beside its address, its state and its weight. */
export interface StoredMeta {
  readonly isOurs: boolean;
  readonly secure: boolean;
  readonly zone: string | undefined;
  readonly hostname: string | undefined;
  readonly priority: number | undefined;
  /** A status of ours that Consul has no name for. */
  readonly status: NodeStatus | undefined;
  /** In units of Consul's weights, where those cannot hold it. */
  readonly weight: number | undefined;
  /** The rest. */
  readonly metadata: Record<string, string>;
}

/**
 * Takes Meta and tags apart as they were stored.
 *
 * Tags are metadata as Spring Cloud Consul reads them: `key=value` is a pair, any other tag stands for
 * itself; Meta wins. `secure` and `zone` are taken out of our own records, where fields of the node put
 * them, and stay in those of others.
 */
export function readMeta(meta: unknown, tags: unknown, notes: string | undefined): StoredMeta {
  const texts = metaTexts(meta);
  const isOurs = texts[ownerKey] !== undefined;
  const metadata = Object.create(null) as Record<string, string>;
  for (const tag of tagTexts(tags)) {
    const equals = tag.indexOf("=");
    if (equals < 0) metadata[tag] ??= tag;
    else if (equals > 0) metadata[tag.slice(0, equals)] ??= tag.slice(equals + 1);
  }
  const secure = texts[secureKey] ?? metadata[secureKey];
  const zone = texts[zoneKey] ?? metadata[zoneKey];
  for (const [key, value] of Object.entries(texts)) {
    if (isOurs && (key === secureKey || key === zoneKey || key.startsWith(prefix))) continue;
    metadata[key] = value;
  }
  if (isOurs) Object.assign(metadata, readNotes(notes));
  return {
    isOurs,
    secure: secure === "true",
    zone: zone === "" ? undefined : zone,
    hostname: isOurs ? texts[hostnameKey] : undefined,
    priority: isOurs ? parsePriority(texts[priorityKey]) : undefined,
    status: isOurs ? nodeStatuses.find((one) => one === texts[statusKey]) : undefined,
    weight: isOurs ? parseWeight(texts[weightKey]) : undefined,
    metadata,
  };
}

/** Meta of a record of our own, and the notes of its check; {@link readMeta} gives back what went in. */
export function writeMeta(
  node: ServiceNode,
  owner: string,
  exactWeight: number | undefined,
): { readonly meta: Record<string, string>; readonly notes: string } {
  const meta = Object.create(null) as Record<string, string>;
  meta[ownerKey] = owner;
  if (node.secure) meta[secureKey] = "true";
  if (node.zone !== undefined) meta[zoneKey] = node.zone;
  if (node.hostname !== undefined) meta[hostnameKey] = node.hostname;
  if (node.priority !== 0) meta[priorityKey] = String(node.priority);
  if (node.status !== "up" && node.status !== "draining") meta[statusKey] = node.status;
  if (exactWeight !== undefined) meta[weightKey] = String(exactWeight);
  const rest = Object.create(null) as Record<string, string>;
  let pairs = 0;
  for (const [key, value] of Object.entries(node.metadata)) {
    if (pairs < maxPairs && isHeld(key, value)) {
      meta[key] = value;
      pairs += 1;
    } else {
      rest[key] = value;
    }
  }
  const isWhole = Object.keys(rest).length === 0;
  return { meta, notes: isWhole ? "" : notesPrefix + JSON.stringify(rest) };
}

/** Meta as texts: what is not one is left out. */
export function metaTexts(meta: unknown): Record<string, string> {
  const texts = Object.create(null) as Record<string, string>;
  if (!isRecord(meta)) return texts;
  for (const [key, value] of Object.entries(meta)) {
    if (typeof value === "string") texts[key] = value;
  }
  return texts;
}

/** Tags as texts: what is not one is left out. */
export function tagTexts(tags: unknown): readonly string[] {
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string" && tag !== "") : [];
}

function isHeld(key: string, value: string): boolean {
  return (
    keyPattern.test(key) &&
    key !== secureKey &&
    key !== zoneKey &&
    !key.startsWith(prefix) &&
    value.isWellFormed() &&
    Buffer.byteLength(value) <= maxValueBytes
  );
}

function readNotes(notes: string | undefined): Record<string, string> {
  if (notes?.startsWith(notesPrefix) !== true) return {};
  try {
    return metaTexts(JSON.parse(notes.slice(notesPrefix.length)));
  } catch {
    return {};
  }
}

function parseWeight(text: string | undefined): number | undefined {
  const weight = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(weight) && weight >= 0 ? weight : undefined;
}

function parsePriority(text: string | undefined): number | undefined {
  const priority = text !== undefined && /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(priority) ? priority : undefined;
}
