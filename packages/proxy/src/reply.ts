import { STATUS_CODES } from "node:http";

import { httpDate } from "./clock.ts";
import type { CallbackErrors } from "./callback-errors.ts";
import type { FailureReason, ProxyFailure, ProxyOptions, Reply } from "./contract.ts";

/** Names of RFC 9110 for which Node still has older ones. */
const renamed: Readonly<Record<number, string>> = {
  413: "Content Too Large",
  422: "Unprocessable Content",
};

function reasonPhrase(status: number): string {
  return renamed[status] ?? STATUS_CODES[status] ?? "Unknown";
}

/** The status of each failure. */
export const failureStatus: Readonly<Record<FailureReason, number>> = {
  bad_request: 400,
  request_timeout: 408,
  body_too_large: 413,
  target_too_long: 414,
  head_too_large: 431,
  route_failed: 500,
  unsupported: 501,
  connect_failed: 502,
  upstream_broke: 502,
  no_node: 503,
  nodes_busy: 503,
  upstream_timeout: 504,
  version_unsupported: 505,
  loop_detected: 508,
};

/** Of refusals of a head, other than `bad_request`. */
const reasonOf: Readonly<Record<number, FailureReason>> = {
  408: "request_timeout",
  414: "target_too_long",
  431: "head_too_large",
  501: "unsupported",
  505: "version_unsupported",
};

/** Why a head is not served, before anybody was asked where it goes. */
export function refusal(status: number, detail: string): ProxyFailure {
  const reason = reasonOf[status] ?? "bad_request";
  return { reason, status: failureStatus[reason], detail, tried: [] };
}

/** The answer when nobody shaped another: JSON with a stable code. */
export function defaultReply(failure: ProxyFailure): Reply {
  const text = reasonPhrase(failure.status);
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

/** The answer to a failure: as `shape` has it, or the default one where that throws or cannot be sent. */
export function failureReply(
  failure: ProxyFailure,
  shape: ProxyOptions["describeFailure"],
  errors: CallbackErrors,
): Reply {
  if (shape === undefined) return defaultReply(failure);
  try {
    return sendable(shape(failure));
  } catch (error) {
    errors.report(error, "describeFailure");
    return defaultReply(failure);
  }
}

const isName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const isValue = /^[\t -~\x80-\xff]*$/;
const ours: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "connection"]);

/**
 * A reply that can be sent as it is: what a program puts together may hold what a client wrote.
 *
 * @throws TypeError that says what is wrong with it.
 */
export function sendable(reply: Reply): Reply {
  const { status, headers, body } = reply;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`a reply's status must be 200 to 599, got ${String(status)}`);
  }
  if (typeof body !== "string") throw new TypeError("a reply's body must be a string");
  for (const [name, value] of Object.entries(headers)) {
    if (!isName.test(name) || ours.has(name.toLowerCase())) {
      throw new TypeError(`a reply may not have a header ${JSON.stringify(name)}`);
    }
    if (!isValue.test(value)) {
      throw new TypeError(`a reply's header ${name} has a character that no header may have`);
    }
  }
  return reply;
}

/**
 * A reply as it goes over the wire, latin1.
 *
 * @param withBody  `false` for HEAD: the length is told, the body is not sent.
 * @param connection  What is said about the connection, as a line with its end, or nothing.
 */
export function replyText(reply: Reply, withBody: boolean, connection: string): string {
  const body = Buffer.from(reply.body, "utf8");
  let head = `HTTP/1.1 ${reply.status} ${reasonPhrase(reply.status)}\r\n`;
  let isDated = false;
  for (const [name, value] of Object.entries(reply.headers)) {
    head += `${name}: ${value}\r\n`;
    isDated ||= name.toLowerCase() === "date";
  }
  // RFC 9110 §6.6.1: it is we who answer.
  if (!isDated) head += `date: ${httpDate()}\r\n`;
  // RFC 9110 §8.6, §15.3.5: neither a length nor a body.
  if (reply.status === 204 || reply.status === 304) return `${head}${connection}\r\n`;
  head += `content-length: ${body.length}\r\n${connection}\r\n`;
  return withBody ? head + body.toString("latin1") : head;
}
