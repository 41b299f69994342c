import type { FailureReason, Reply } from "@rollcall/proxy";

/** What the gateway answers by itself, as a closed set. */
export type GatewayErrorCode =
  | "ROUTE_NOT_FOUND"
  | "BAD_REQUEST"
  | "REQUEST_TIMEOUT"
  | "BODY_TOO_LARGE"
  | "TARGET_TOO_LONG"
  | "HEAD_TOO_LARGE"
  | "INTERNAL"
  | "UNSUPPORTED"
  | "CONNECT_FAILED"
  | "UPSTREAM_BROKE"
  | "DISCOVERY_PENDING"
  | "NO_NODES"
  | "NODES_BUSY"
  | "UPSTREAM_TIMEOUT"
  | "VERSION_UNSUPPORTED"
  | "LOOP_DETECTED";

/** One row of the table. */
export interface GatewayError {
  readonly code: GatewayErrorCode;
  readonly status: number;
  /** `error_msg` of the answer: stable, for people who knew it from APISIX. */
  readonly message: string;
  /** When it is given. */
  readonly meaning: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** Every answer that does not come from a node, in the order of its status. */
export const gatewayErrors: readonly GatewayError[] = [
  {
    code: "BAD_REQUEST",
    status: 400,
    message: "400 Bad Request",
    meaning: "The request has more than one reading, or its path does.",
    remedy: "Correct the client: framing, Host, escapes in the path.",
  },
  {
    code: "ROUTE_NOT_FOUND",
    status: 404,
    message: "404 Route Not Found",
    meaning: "No route fits the host, the path and the method.",
    remedy: "Compare the request with `/v1/routes` on the admin listener.",
  },
  {
    code: "REQUEST_TIMEOUT",
    status: 408,
    message: "408 Request Timeout",
    meaning: "The client took too long to send its request.",
    remedy: "Look at the client's network.",
  },
  {
    code: "BODY_TOO_LARGE",
    status: 413,
    message: "413 Content Too Large",
    meaning: "The request's body is larger than `limits.max_body_bytes`.",
    remedy: "Send less at once, or raise the limit.",
  },
  {
    code: "TARGET_TOO_LONG",
    status: 414,
    message: "414 URI Too Long",
    meaning: "The request target alone is larger than `limits.max_head_bytes`, by default 32 KiB.",
    remedy: "Send what is that long in a body.",
  },
  {
    code: "HEAD_TOO_LARGE",
    status: 431,
    message: "431 Request Header Fields Too Large",
    meaning:
      "The request head is larger than `limits.max_head_bytes` (32 KiB) or has more than `limits.max_headers` (128) fields.",
    remedy: "Send fewer or shorter fields; cookies are the usual reason.",
  },
  {
    code: "INTERNAL",
    status: 500,
    message: "500 Internal Server Error",
    meaning: "The gateway failed to route the request.",
    remedy: "A fault of the gateway: report it with the log.",
  },
  {
    code: "UNSUPPORTED",
    status: 501,
    message: "501 Not Implemented",
    meaning: "The request asks for CONNECT or for a transfer coding that is not known.",
    remedy: "Send the request in another way.",
  },
  {
    code: "CONNECT_FAILED",
    status: 502,
    message: "502 Bad Gateway",
    meaning: "No node that was tried could be reached.",
    remedy: "See which nodes the dump lists, and whether they listen there.",
  },
  {
    code: "UPSTREAM_BROKE",
    status: 502,
    message: "502 Bad Gateway",
    meaning: "The node closed the connection or spoke nonsense before its answer.",
    remedy: "Look at the node's log.",
  },
  {
    code: "DISCOVERY_PENDING",
    status: 503,
    message: "503 Service Unavailable",
    meaning: "The registry has not said anything about the service yet, and nothing is on disk.",
    remedy: "See whether the registry can be reached; try again.",
  },
  {
    code: "NO_NODES",
    status: 503,
    message: "503 Service Unavailable",
    meaning: "The service is known to have no node that may receive traffic.",
    remedy: "Start a node, raise a weight above 0, or look at the node address rules.",
  },
  {
    code: "NODES_BUSY",
    status: 503,
    message: "503 Service Unavailable",
    meaning:
      "Every connection that may be opened to the nodes is in use, and none became free in time.",
    remedy:
      "Start more nodes, or raise `limits.max_connections_per_node`, `max_node_connections` or the queue.",
  },
  {
    code: "UPSTREAM_TIMEOUT",
    status: 504,
    message: "504 Gateway Timeout",
    meaning: "The node, or all that were tried, took too long to connect or to answer.",
    remedy: "Look at the node, or raise the upstream's `timeout`.",
  },
  {
    code: "VERSION_UNSUPPORTED",
    status: 505,
    message: "505 HTTP Version Not Supported",
    meaning: "The request's HTTP version is neither 1.0 nor 1.1.",
    remedy: "Speak HTTP/1.1.",
  },
  {
    code: "LOOP_DETECTED",
    status: 508,
    message: "508 Loop Detected",
    meaning: "The request has come through this gateway before: a node leads back to it.",
    remedy: "See which node of the service is a gateway.",
  },
];

const byCode = new Map(gatewayErrors.map((error) => [error.code, error]));

/** The engine's reasons in the table's words. */
export const codeOfFailure: Readonly<Record<FailureReason, GatewayErrorCode>> = {
  bad_request: "BAD_REQUEST",
  body_too_large: "BODY_TOO_LARGE",
  target_too_long: "TARGET_TOO_LONG",
  head_too_large: "HEAD_TOO_LARGE",
  request_timeout: "REQUEST_TIMEOUT",
  unsupported: "UNSUPPORTED",
  no_node: "NO_NODES",
  nodes_busy: "NODES_BUSY",
  connect_failed: "CONNECT_FAILED",
  upstream_broke: "UPSTREAM_BROKE",
  upstream_timeout: "UPSTREAM_TIMEOUT",
  route_failed: "INTERNAL",
  version_unsupported: "VERSION_UNSUPPORTED",
  loop_detected: "LOOP_DETECTED",
};

/**
 * The answer for one row: JSON `{ error_msg, code, service?, reason }`.
 *
 * @param reason  What happened in this case; shown to clients, so without addresses and secrets.
 */
export function errorReply(code: GatewayErrorCode, reason: string, service?: string): Reply {
  const error = byCode.get(code)!;
  const body = {
    error_msg: error.message,
    code,
    ...(service === undefined ? {} : { service }),
    reason,
  };
  return {
    kind: "reply",
    status: error.status,
    headers: {
      "content-type": "application/json",
      ...(code === "DISCOVERY_PENDING" ? { "retry-after": "1" } : {}),
    },
    body: `${JSON.stringify(body)}\n`,
  };
}
