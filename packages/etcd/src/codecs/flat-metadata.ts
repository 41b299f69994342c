import type { ServiceNode } from "@rollcall/core";

import { RecordError } from "../codec.ts";

// For forms that offer one flat map of texts. `weight` and `zone` are written under the names that their users use for
// them; what else a node has gets names of ours.

const own = "rollcall.";
/** Before a key of the node's own metadata that would be taken for something else. */
const escape = "rollcall.meta.";

/** The fields of a node that such a map holds. */
export interface FlatFields {
  readonly id?: string | undefined;
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
  readonly secure?: boolean | undefined;
  readonly hostname?: string | undefined;
  readonly priority?: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Writes what {@link fromFlat} reads; `extra` holds more of our own names, without their prefix. */
export function toFlat(
  node: ServiceNode,
  extra: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const flat = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(node.metadata)) {
    const isReserved = key === "weight" || key === "zone" || key.startsWith(own);
    flat[isReserved ? escape + key : key] = value;
  }
  if (node.zone !== undefined) flat["zone"] = node.zone;
  const named = {
    hostname: node.hostname,
    priority: node.priority === 0 ? undefined : String(node.priority),
    ...extra,
  };
  for (const [key, value] of Object.entries(named)) {
    if (value !== undefined) flat[own + key] = value;
  }
  return flat;
}

/**
 * @throws RecordError when the weight or the priority is no number.
 */
export function fromFlat(flat: Readonly<Record<string, string>>): FlatFields {
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(flat)) {
    if (key.startsWith(escape)) metadata[key.slice(escape.length)] = value;
    else if (key !== "weight" && key !== "zone" && !key.startsWith(own)) metadata[key] = value;
  }
  return {
    id: flat[`${own}id`],
    weight: numberOf("weight", flat[`${own}weight`] ?? flat["weight"]),
    zone: flat["zone"] === "" ? undefined : flat["zone"],
    secure: flat[`${own}secure`] === "true",
    hostname: flat[`${own}hostname`],
    priority: numberOf("priority", flat[`${own}priority`]),
    metadata,
  };
}

function numberOf(field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\s*-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(text)
    ? Number(text)
    : Number.NaN;
  if (!Number.isFinite(number)) throw new RecordError(`${field} must be a number`);
  return number;
}
