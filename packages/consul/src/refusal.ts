import type { ErrorCode } from "@rollcall/core";

import type { Request } from "./exchange.ts";
import type { Reply } from "./reply.ts";

/**
 * What a status that was not expected means. The server's own words are not passed on, since they may
 * quote what was sent; those that people search for are.
 */
export function refusal(
  { status, text }: Reply,
  { method }: Pick<Request, "method">,
): { readonly code: ErrorCode; readonly reason: string } {
  const answered = `the server answered ${status}`;
  const known = (code: ErrorCode, what: string): ReturnType<typeof refusal> => ({
    code,
    reason: `${answered}: ${what}`,
  });
  // Agents pass on what servers say with a status of their own, so the words decide before the number.
  if (/ACL not found/.test(text)) return known("AUTH", "ACL not found, so the token is unknown");
  if (status === 401 || status === 403 || /Permission denied/.test(text)) {
    return known("AUTH", "the token has no right to do so");
  }
  if (/Enterprise feature/.test(text)) {
    return known("UNSUPPORTED", "namespaces and partitions need Consul Enterprise");
  }
  if (/No path to datacenter/.test(text)) return known("UNAVAILABLE", "No path to datacenter");
  if (/No cluster leader/.test(text)) return known("UNAVAILABLE", "No cluster leader");
  if (/boolean expression|[Ff]ilter expression|Selector .* is not valid/.test(text)) {
    return known("INVALID", "it refuses the filter");
  }
  if (status === 429 || status === 408 || status >= 500) {
    return { code: "UNAVAILABLE", reason: answered };
  }
  if (method !== "GET" && (status === 400 || status === 413 || status === 422)) {
    return known("INVALID", "it refuses what was sent");
  }
  if (status === 404 || (status >= 300 && status < 400)) {
    return known("PROTOCOL", "is this Consul's API?");
  }
  return { code: "PROTOCOL", reason: answered };
}
