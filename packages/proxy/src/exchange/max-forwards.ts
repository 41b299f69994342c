import type { Reply } from "../contract.ts";
import type { ReceivedHead } from "../http1/received-head.ts";

const name = "Max-Forwards";

/** More than any way is long; what is above is said to be this. */
const most = 1_000_000;

/**
 * Counts this hop in a request that may go over so many only; that is a matter of OPTIONS and TRACE alone.
 *
 * @returns `ends_here`: it is to be answered as if this were the last; `malformed`: the number is none.
 * @see RFC 9110 §7.6.2
 */
export function countHop(head: ReceivedHead): "goes_on" | "ends_here" | "malformed" {
  const { method } = head;
  if (method !== "OPTIONS" && method !== "TRACE") return "goes_on";
  if (head.header("max-forwards") === undefined) return "goes_on";
  const value = head.all("max-forwards");
  if (!/^\d+$/.test(value)) return "malformed";
  const left = Math.min(Number(value), most);
  if (left === 0) return "ends_here";
  head.replace(name, String(left - 1));
  return "goes_on";
}

/**
 * The answer of the last hop. TRACE gets back what tells of the way and nothing that could be a secret
 * (RFC 9110 §9.3.8).
 */
export function lastHopReply({ method, target, httpVersion, host, via }: ReceivedHead): Reply {
  if (method !== "TRACE") return { kind: "reply", status: 204, headers: {}, body: "" };
  let body = `TRACE ${target} HTTP/${httpVersion}\r\n`;
  if (host !== undefined) body += `Host: ${host}\r\n`;
  if (via !== "") body += `Via: ${via}\r\n`;
  body += `${name}: 0\r\n\r\n`;
  return { kind: "reply", status: 200, headers: { "content-type": "message/http" }, body };
}
