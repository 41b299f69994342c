import { type Document, isMap, isScalar, type Scalar, visit } from "yaml";

/** A variable that is not set, and where in the text it is asked for. */
export interface UnsetVariable {
  readonly offset: number;
  readonly message: string;
}

const reference = /\$\{\{\s*([A-Za-z0-9_]+)\s*(?::=(.*?))?\s*\}\}/g;

/**
 * Replaces `${{VAR}}` and `${{VAR:=default}}` in every text of a document, keys included.
 *
 * As in APISIX, a value that becomes a number or a boolean is one; `texts` keeps what it was as text,
 * for fields that want text. The document is changed in place.
 *
 * @see https://apisix.apache.org/docs/apisix/profile/#using-environment-variables
 */
export function substituteEnvironment(
  document: Document,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly texts: Map<Scalar, string>; readonly faults: readonly UnsetVariable[] } {
  const texts = new Map<Scalar, string>();
  const faults: UnsetVariable[] = [];
  visit(document, {
    Scalar(role, node) {
      if (typeof node.value !== "string" || !node.value.includes("${{")) return;
      let used = false;
      const text = node.value.replace(reference, (_, name: string, fallback?: string) => {
        used = true;
        const value = environment[name] ?? fallback?.trim();
        if (value === undefined) {
          const message = `the environment variable ${name} is not set; set it or write \${{${name}:=default}}`;
          faults.push({ offset: node.range?.[0] ?? 0, message });
        }
        return value ?? "";
      });
      if (!used) return;
      texts.set(node, text);
      node.value = role === "key" ? text : typed(text);
    },
  });
  visit(document, {
    Map(_, map) {
      if (!isMap(map)) return;
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (texts.has(key) && seen.has(key.value)) {
          faults.push({ offset: key.range?.[0] ?? 0, message: "this key is there twice" });
        }
        seen.add(key.value);
      }
    },
  });
  return { texts, faults };
}

function typed(text: string): string | number | boolean {
  if (text === "true") return true;
  if (text === "false") return false;
  // Only what prints the same again is taken as a number: "007" and "1e3" stay text.
  return text !== "" && String(Number(text)) === text && Number.isFinite(Number(text))
    ? Number(text)
    : text;
}
