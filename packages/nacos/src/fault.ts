import { DiscoveryError, type ErrorCode } from "@rollcall/core";

/** What an error is about: `query orders at http://127.0.0.1:8848`. */
export interface Where {
  /** Registry name. */
  readonly registry: string;
  readonly operation: string;
}

/** Shorthand for the one error class. */
export function fault(
  code: ErrorCode,
  { registry, operation }: Where,
  reason: string,
  cause?: unknown,
): DiscoveryError {
  return new DiscoveryError({ code, registry, operation, reason, cause });
}

/** The code of a system error (`ECONNREFUSED`) in brackets, to be put behind a reason. */
export function codeIn(thrown: unknown): string {
  const code = (thrown as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? ` (${code})` : "";
}

/** What a server says of a failure, cut and without control characters. */
export function quoted(message: unknown): string {
  if (typeof message !== "string" || message.trim() === "") return "without a reason";
  return `"${message
    .replaceAll(/[\u0000-\u001f\u007f]+/g, " ")
    .trim()
    .slice(0, 200)}"`;
}
