import { SP, TAB } from "./char-class.ts";

/**
 * A part of `text` without the spaces and tabs around it, and without those only (RFC 9110 §5.6.3): `trim`
 * knows more. By hand, for a pattern is quadratic in the spaces a client may send.
 */
export function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === SP || code === TAB;
}
