import { DiscoveryError, type ErrorCode } from "@rollcall/core";

/** Codes of gRPC that this package tells apart. */
export const status = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** A call that came to nothing, as the wire tells it. Never leaves the package: see {@link toDiscoveryError}. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  /** One of {@link status}, or another of gRPC's. */
  readonly code: number;
  /** What the server said, or what we say of the connection; no secret. */
  readonly details: string;
  /**
   * Who tells: the server, or we about a connection that is `broken`, about an answer that is not what
   * gRPC promises (`foreign`) or about one that is larger than we take (`oversized`).
   */
  readonly source: "server" | "broken" | "foreign" | "oversized";

  constructor(code: number, details: string, source: RpcFailure["source"], cause?: unknown) {
    super(details, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").slice(0, 300);
    this.source = source;
  }

  /** The server does not know our token, or does not know it any more. */
  get isAboutToken(): boolean {
    return (
      this.source === "server" &&
      (this.code === status.unauthenticated ||
        // Said by a server on which the login was switched on, or whose users changed, since we asked.
        /user name is empty|auth revision|revision of auth store is old|invalid auth token/i.test(
          this.details,
        ))
    );
  }

  /** Another member, or the same one over a new connection, may well answer. */
  get isWorthAnotherTry(): boolean {
    return (
      this.source === "broken" ||
      (this.source === "server" &&
        (this.code === status.unavailable || this.code === status.deadlineExceeded))
    );
  }
}

/** The same in the words of the contract. */
export function toDiscoveryError(
  thrown: RpcFailure,
  where: { readonly registry: string; readonly operation: string },
): DiscoveryError {
  const [code, reason] = explain(thrown);
  return new DiscoveryError({ code, ...where, reason, cause: thrown });
}

function explain(failure: RpcFailure): readonly [ErrorCode, string] {
  const { source, code, details } = failure;
  if (source === "foreign" || source === "oversized") return ["PROTOCOL", details];
  if (source === "broken") {
    return [code === status.deadlineExceeded ? "TIMEOUT" : "UNAVAILABLE", details];
  }
  if (failure.isAboutToken) return ["AUTH", details];
  switch (code) {
    case status.permissionDenied:
      return ["AUTH", details];
    case status.invalidArgument:
      // A wrong name or password comes under this code too.
      return [
        /authentication|user|password|permission/i.test(details) ? "AUTH" : "INVALID",
        details,
      ];
    case status.unimplemented:
      return ["UNSUPPORTED", details];
    case status.deadlineExceeded:
      return ["TIMEOUT", details];
    case status.canceled:
    case status.unknown:
    case status.resourceExhausted:
    case status.unavailable:
      return ["UNAVAILABLE", details];
    default:
      return ["PROTOCOL", `${details} (gRPC status ${code})`];
  }
}

/** An answer that is not what gRPC promises. */
export function foreign(details: string, cause?: unknown): RpcFailure {
  return new RpcFailure(status.internal, details, "foreign", cause);
}

/** A connection to `url` that stood. */
export function broken(url: string, cause?: unknown): RpcFailure {
  const details = `the connection to ${url} broke${codeOf(cause)}`;
  return new RpcFailure(status.unavailable, details, "broken", cause);
}

/** A connection to `url` that did not come to stand. */
export function unreachable(url: string, cause: Error): RpcFailure {
  const details = `${url} cannot be reached${codeOf(cause)}`;
  return new RpcFailure(status.unavailable, details, "broken", cause);
}

/** Nothing was heard in time. */
export function silent(details: string): RpcFailure {
  return new RpcFailure(status.deadlineExceeded, details, "broken");
}

function codeOf(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? ` (${code})` : "";
}
