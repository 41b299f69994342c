import { RecordError } from "../codec.ts";

/** An object as JSON gives it: fields of any type, and maybe a key named `__proto__`. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** @throws RecordError when the text is no JSON object. */
export function parseObject(text: string): JsonRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new RecordError("the value is not JSON");
  }
  if (!isRecord(parsed)) throw new RecordError("the value is not a JSON object");
  return parsed;
}

/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field that may be left out, or be null, which some writers mean by it. */
export function optional(record: JsonRecord, field: string): unknown {
  return Object.hasOwn(record, field) ? (record[field] ?? undefined) : undefined;
}

/** Metadata as texts: numbers and flags become theirs. */
export function texts(raw: unknown, field: string): Record<string, string> {
  const result = Object.create(null) as Record<string, string>;
  if (raw === undefined || raw === null) return result;
  if (!isRecord(raw)) throw new RecordError(`${field} must be an object`);
  for (const [key, value] of Object.entries(raw)) {
    if (typeof value === "string") result[key] = value;
    else if (typeof value === "number" || typeof value === "boolean") result[key] = String(value);
    // What is nested has no place in metadata, and is no reason to lose the node.
  }
  return result;
}
