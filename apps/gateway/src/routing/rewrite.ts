import { RE2JS, type Matcher } from "re2js";

import { encodePath, encodeQueryPart, encodeUnsafe } from "./path.ts";

/** `proxy-rewrite`, compiled. */
export interface Rewrite {
  /** Replaces the whole path, as written; wins over {@link patterns}. */
  readonly uri?: string | undefined;
  /** The first that matches is applied. */
  readonly patterns: readonly RewritePattern[];
}

/** One pair of `regex_uri`. */
export interface RewritePattern {
  readonly pattern: RE2JS;
  readonly replacement: readonly ReplacementPart[];
}

type ReplacementPart = { readonly text: string } | { readonly group: number };

/**
 * Compiles one pair of `regex_uri`; `$1` and `${1}` stand for captures.
 *
 * The engine is linear in the length of the path, so no pattern can stall the gateway; look-around and
 * back-references, which no linear engine has, are refused.
 *
 * @throws Error whose message says what is wrong with `source`.
 */
export function compilePattern(source: string, replacement: string): RewritePattern {
  const parts: ReplacementPart[] = [];
  let end = 0;
  for (const match of replacement.matchAll(/\$(?:(\d{1,2})|\{(\d{1,2})\})/g)) {
    if (match.index > end) parts.push({ text: replacement.slice(end, match.index) });
    parts.push({ group: Number(match[1] ?? match[2]) });
    end = match.index + match[0].length;
  }
  if (end < replacement.length) parts.push({ text: replacement.slice(end) });
  return { pattern: RE2JS.compile(source), replacement: parts };
}

/**
 * The target to send instead of the received one, or `undefined` when nothing rewrites it.
 *
 * Patterns see the text form of the path and replace their first match; the result is encoded again,
 * so nothing a client sends can end the request line. The client's query is kept, after the rewrite's
 * own.
 *
 * @param path  Text form, normalised, without the query.
 * @param query  As received, without `?`.
 */
export function rewriteTarget(
  rewrite: Rewrite,
  path: string,
  query: string | undefined,
): string | undefined {
  const target = rewrite.uri === undefined ? firstMatch(rewrite.patterns, path) : rewrite.uri;
  if (target === undefined) return undefined;
  const encoded = rewrite.uri === undefined ? target : encodeUnsafe(target);
  if (query === undefined) return encoded;
  return `${encoded}${encoded.includes("?") ? "&" : "?"}${query}`;
}

function firstMatch(patterns: readonly RewritePattern[], path: string): string | undefined {
  for (const { pattern, replacement } of patterns) {
    const match = pattern.matcher(path);
    if (match.find()) return replaced(path, match, replacement);
  }
  return undefined;
}

function replaced(path: string, match: Matcher, parts: readonly ReplacementPart[]): string {
  let target = encodePath(path.slice(0, match.start()));
  // A `?` written in the replacement starts a query; one that the client sent is part of the path.
  let inQuery = false;
  const append = (text: string): void => {
    target += inQuery ? encodeQueryPart(text) : encodePath(text);
  };
  for (const part of parts) {
    if ("group" in part) {
      // A capture that is not there, or took no part, is empty, as in APISIX.
      if (part.group <= match.groupCount()) append(match.group(part.group) ?? "");
      continue;
    }
    const question = inQuery ? -1 : part.text.indexOf("?");
    if (question >= 0) {
      append(part.text.slice(0, question));
      inQuery = true;
      target += `?${encodeUnsafe(part.text.slice(question + 1))}`;
    } else if (inQuery) {
      target += encodeUnsafe(part.text);
    } else {
      append(part.text);
    }
  }
  append(path.slice(match.end()));
  // Two slashes at the start would read as an authority, none as no path at all.
  return target.replace(/^\/*/, "/");
}
