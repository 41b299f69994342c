import type { ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";

import type { FailureReason, ProxyFailure, Reply } from "./contract.ts";

/** The status of each failure. */
export const failureStatus: Readonly<Record<FailureReason, number>> = {
  bad_request: 400,
  request_timeout: 408,
  head_too_large: 431,
  route_failed: 500,
  unsupported: 501,
  connect_failed: 502,
  upstream_broke: 502,
  no_node: 503,
  upstream_timeout: 504,
};

/** The answer when nobody shaped another: JSON with a stable code. */
export function defaultReply(failure: ProxyFailure): Reply {
  const text = STATUS_CODES[failure.status] ?? "Error";
  return {
    kind: "reply",
    status: failure.status,
    headers: { "content-type": "application/json" },
    body: `${JSON.stringify({
      error_msg: `${failure.status} ${text}`,
      code: failure.reason.toUpperCase(),
      reason: failure.detail,
    })}\n`,
  };
}

/** Sends a reply whole. */
export function sendReply(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, STATUS_CODES[reply.status] ?? "Error", {
    ...reply.headers,
    "content-length": Buffer.byteLength(reply.body),
  });
  response.end(reply.body);
}

/** A reply in bytes, for a connection whose parser gave up. The connection ends with it. */
export function replyBytes(reply: Reply): string {
  const fields = Object.entries({
    ...reply.headers,
    "content-length": String(Buffer.byteLength(reply.body)),
    connection: "close",
  });
  const head = [
    `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? "Error"}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${head.join("\r\n")}\r\n\r\n${reply.body}`;
}
