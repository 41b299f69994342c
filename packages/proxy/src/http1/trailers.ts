import { tokenByte, valueByte } from "./char-class.ts";

/** Fields that frame, route, authenticate or steer the message must not arrive late. RFC 9110 §6.5.1. */
const forbidden: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "cache-control",
  "connection",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expect",
  "expires",
  "forwarded",
  "host",
  "keep-alive",
  "location",
  "max-forwards",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "retry-after",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
  "via",
  "warning",
  "www-authenticate",
  "x-real-ip",
]);

/** As {@link forbidden}: conditions, and what proxies say of the client. */
const forbiddenBeginning = /^(?:if-|x-forwarded-)/;

/**
 * The lines of a trailer section that may travel.
 *
 * @param text  Lines with their ends, without the empty one.
 * @returns `undefined` when a line is no field.
 */
export function trailersToForward(text: string): string | undefined {
  let kept = "";
  for (let from = 0; from < text.length;) {
    const end = text.indexOf("\r\n", from);
    const line = text.slice(from, end);
    const colon = line.indexOf(":");
    if (end === -1 || colon < 1 || !every(line, 0, colon, tokenByte)) return undefined;
    if (!every(line, colon + 1, line.length, valueByte)) return undefined;
    // CGI and its kin take Content_Length for Content-Length.
    const name = line.slice(0, colon).toLowerCase().replaceAll("_", "-");
    const leaves = forbidden.has(name) || forbiddenBeginning.test(name);
    if (!leaves) kept += `${line}\r\n`;
    from = end + 2;
  }
  return kept;
}

function every(text: string, from: number, to: number, table: Uint8Array): boolean {
  for (let at = from; at < to; at += 1) if (table[text.charCodeAt(at)] !== 1) return false;
  return true;
}
