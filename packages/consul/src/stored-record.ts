import type { ServiceNode } from "@rollcall/core";

import { decodeEntry, type DecodeContext, type Decoded } from "./codec.ts";
import { metaTexts } from "./meta.ts";
import { type Owner, ownerOf } from "./owner.ts";
import { isRecord } from "./record.ts";

/** A stored record, read, with the one of ours who wrote it. */
export interface StoredRecord extends Decoded {
  /** Replaced by an equal one that is there already: records may be kept as long as nodes. */
  node: ServiceNode | undefined;
  readonly owner: Owner | undefined;
}

/** Reads one `{ Node, Service, Checks }` of a health answer. Never throws. */
export function readRecord(entry: unknown, context: DecodeContext): StoredRecord {
  // One shape for all: there may be tens of thousands.
  const { key, agent, node, error } = decodeEntry(entry, context);
  return { key, agent, node, error, owner: ownerOfEntry(entry) };
}

function ownerOfEntry(entry: unknown): Owner | undefined {
  const service = isRecord(entry) ? entry["Service"] : undefined;
  return isRecord(service) ? ownerOf(metaTexts(service["Meta"])) : undefined;
}
