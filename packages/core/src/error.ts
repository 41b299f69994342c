/**
 * What went wrong, as a closed set that callers can switch on.
 *
 * - `INVALID`: the caller's input (option, node, query) breaks a documented bound.
 * - `UNAVAILABLE`: the registry could not be reached, or says it cannot serve now.
 * - `TIMEOUT`: no answer within the deadline of the call.
 * - `AUTH`: the registry refused our credentials or our rights.
 * - `PROTOCOL`: an answer that is not what the registry's protocol promises.
 * - `RECORD`: one stored record that cannot become a node; the others are served.
 * - `CONFLICT`: another live owner holds the registration's id.
 * - `UNSUPPORTED`: the backend, or this version of it, cannot do what was asked.
 * - `CLOSED`: the object was disposed before or during the call.
 */
export type ErrorCode =
  | "INVALID"
  | "UNAVAILABLE"
  | "TIMEOUT"
  | "AUTH"
  | "PROTOCOL"
  | "RECORD"
  | "CONFLICT"
  | "UNSUPPORTED"
  | "CLOSED";

/** Every code, in the order of `docs/errors.md`. */
export const errorCodes: readonly ErrorCode[] = [
  "INVALID",
  "UNAVAILABLE",
  "TIMEOUT",
  "AUTH",
  "PROTOCOL",
  "RECORD",
  "CONFLICT",
  "UNSUPPORTED",
  "CLOSED",
];

const retryableCodes: ReadonlySet<ErrorCode> = new Set(["UNAVAILABLE", "TIMEOUT", "PROTOCOL"]);

/** What a {@link DiscoveryError} is made of. */
export interface DiscoveryErrorDetails {
  readonly code: ErrorCode;
  /** Name of the registry, or of the package's part that refused the input (`core`). */
  readonly registry: string;
  /** The operation and its object, without secrets: `range /rollcall/orders`. */
  readonly operation: string;
  /** Why, in a few words; never a credential and never a whole payload. */
  readonly reason: string;
  /** The error this one wraps. */
  readonly cause?: unknown;
}

/**
 * The only error class of every Rollcall package.
 *
 * Its message reads `<registry>: <operation> failed: <reason>`. Match on {@link DiscoveryError.code},
 * never on the message.
 */
export class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";
  readonly code: ErrorCode;
  readonly registry: string;
  readonly operation: string;
  readonly reason: string;

  constructor(details: DiscoveryErrorDetails) {
    super(
      `${details.registry}: ${details.operation} failed: ${details.reason}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = details.code;
    this.registry = details.registry;
    this.operation = details.operation;
    this.reason = details.reason;
  }

  /** Whether the same call may succeed later without anyone changing configuration or rights. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }
}

/**
 * Gives any thrown value the shape every consumer can rely on.
 *
 * A {@link DiscoveryError} is returned as it is. Anything else is a fault of the adapter or of a
 * library below it and becomes `PROTOCOL`, with the original as `cause`; its text is not copied into
 * the message, because foreign messages may hold addresses with credentials.
 */
export function asDiscoveryError(
  thrown: unknown,
  where: { readonly registry: string; readonly operation: string },
): DiscoveryError {
  if (thrown instanceof DiscoveryError) return thrown;
  const kind = thrown instanceof Error ? thrown.name : typeof thrown;
  return new DiscoveryError({
    code: "PROTOCOL",
    registry: where.registry,
    operation: where.operation,
    reason: `unexpected ${kind}`,
    cause: thrown,
  });
}
