import type { RecordPlace } from "../codec.ts";

// Keys as most ecosystems write them: `<service>/<id>` with a service that may hold slashes itself. What follows the
// last slash is the id, so `a` never sees the nodes of `a/b`, although its prefix `a/` covers them.

/** @see Codec.servicePrefix */
export function plainPrefix(service: string): string {
  return `${service}/`;
}

/** @see Codec.locate */
export function locatePlain(key: string): RecordPlace | undefined {
  const slash = key.lastIndexOf("/");
  if (slash < 1 || slash === key.length - 1) return undefined;
  return { service: key.slice(0, slash), id: key.slice(slash + 1) };
}

/** A text as the last part of a key. {@link unescapePart} gives it back. */
export function escapePart(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("/", "%2F");
}

/** Undoes {@link escapePart}; other percent signs, which others may have written, stay. */
export function unescapePart(part: string): string {
  return part.replaceAll(/%2F|%25/gi, (escaped) => (escaped === "%25" ? "%" : "/"));
}
