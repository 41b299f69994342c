import { isIP } from "node:net";

import type { Forward, UpstreamNode } from "../contract.ts";
import { noDecision } from "./decision.ts";
import { isHost } from "../http1/request-target.ts";
import { isBodiless } from "../http1/methods.ts";
import type { ReceivedHead } from "../http1/received-head.ts";

/**
 * The head to send to a node, up to and including its empty line. Bytes are latin1.
 *
 * @param forwarded  Lines that say who asked.
 * @param upgrade  The protocol to switch to; empty: none.
 */
export function requestText(
  head: ReceivedHead,
  forward: Forward,
  node: UpstreamNode,
  forwarded: string,
  upgrade: string,
): string {
  let more = "";
  if (upgrade !== "") more = `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  // RFC 9110 §10.1.4: the only TE value that may travel, and only when the client asked for it.
  else if (head.trailers) more = "TE: trailers\r\nConnection: TE\r\n";
  if (head.expectsContinue) more += "Expect: 100-continue\r\n";
  more += framingLine(head);
  if (head.opening !== "" && forward.target === undefined && forward.host === "pass") {
    return `${head.opening}${head.lines}${more}${forwarded}\r\n`;
  }
  const target = forward.target ?? head.target;
  const host = hostFor(head, forward, node);
  return `${head.method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${head.lines}${more}${forwarded}\r\n`;
}

/** Bytes of a target, from its first slash on, or those of `*`. */
const sendableTarget = /^(?:\/[!"$-~]*|\*)$/;

/**
 * What a program puts together may hold what a client wrote, and a character above latin1 may become the end of a
 * line. A time that is none would never be over.
 *
 * @throws TypeError  When it cannot be followed, or the target or the host could be read as more than that.
 */
export function checkForward(forward: Forward): void {
  const { kind, target, host, timeouts, retries } = forward;
  if (kind !== "forward") throw new TypeError(noDecision);
  if (typeof forward.pick !== "function")
    throw new TypeError("a forward's pick must be a function");
  if (!(timeouts?.connectMs > 0 && timeouts.sendMs > 0 && timeouts.readMs > 0)) {
    throw new TypeError("a forward's timeouts must be connectMs, sendMs and readMs, each above 0");
  }
  if (!(retries >= 0)) throw new TypeError("a forward's retries must be 0 or more");
  if (target !== undefined && !sendableTarget.test(target)) {
    throw new TypeError("a forward's target must be a path of visible ASCII characters without #");
  }
  if (host !== "pass" && host !== "node" && !isHost(host?.value ?? " ")) {
    throw new TypeError(
      'a forward\'s host must be "pass", "node", or { value } of a name or an address, perhaps with a port',
    );
  }
}

/** Written anew: how a client spaced it, or began its number, is read in more than one way. */
function framingLine(head: ReceivedHead): string {
  if (head.chunked) return "Transfer-Encoding: chunked\r\n";
  if (head.length !== -1) return `Content-Length: ${head.length}\r\n`;
  // RFC 9110 §8.6: said when the method gives a body a meaning.
  return isBodiless(head.method) ? "" : "Content-Length: 0\r\n";
}

function hostFor(head: ReceivedHead, forward: Forward, node: UpstreamNode): string {
  if (forward.host === "pass" && head.host !== undefined) return head.host;
  if (typeof forward.host === "object") return forward.host.value;
  // Whoever can write to a registry could write more than a name there.
  const { hostname } = node;
  const name =
    hostname !== undefined && isHost(hostname)
      ? hostname
      : isIP(node.host) === 6
        ? `[${node.host}]`
        : node.host;
  return node.port === (node.secure ? 443 : 80) ? name : `${name}:${node.port}`;
}
