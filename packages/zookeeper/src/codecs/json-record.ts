/** An object, not an array. */
export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The record that bytes hold; undefined when they hold something else. */
export function parseRecord(data: Buffer): JsonRecord | undefined {
  try {
    const value: unknown = JSON.parse(data.toString("utf8"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Metadata as texts: numbers and flags become theirs, what is nested is left out. */
export function textsOf(value: unknown): Record<string, string> {
  const texts = Object.create(null) as Record<string, string>;
  if (!isRecord(value)) return texts;
  for (const [key, one] of Object.entries(value)) {
    if (typeof one === "string") texts[key] = one;
    else if (typeof one === "number" || typeof one === "boolean") texts[key] = String(one);
  }
  return texts;
}
