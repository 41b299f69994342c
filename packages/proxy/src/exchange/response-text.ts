import type { ResponseScan } from "../http1/response-scan.ts";
import { withoutFields } from "../http1/without-fields.ts";

/** How the body of an answer reaches the client. */
export type ClientFraming =
  | "none" // there is no body, and its length is not told
  | "length"
  | "chunked"
  | "until_close";

/**
 * The head to send to the client, up to and including its empty line. Bytes are latin1.
 *
 * @param hasBody  Whether there is a body, not only its framing: the answer to HEAD has none.
 * @param connection  What is said about the connection, as a line with its end, or nothing.
 */
export function responseText(
  scan: ResponseScan,
  bytes: Buffer,
  framing: ClientFraming,
  hasBody: boolean,
  connection: string,
): string {
  const { kept, nominated, start } = scan;
  const text = bytes.toString("latin1", start, scan.end);
  let lines = "";
  for (let index = 0; index < kept.count; index += 1) {
    lines += text.slice(kept.from(index) - start, kept.to(index) - start);
  }
  if (nominated.length > 0) lines = withoutFields(lines, nominated);
  let framed = "";
  if (framing === "length") framed = `Content-Length: ${scan.length}\r\n`;
  else if (framing === "chunked") {
    framed = "Transfer-Encoding: chunked\r\n";
    if (scan.trailer !== "" && hasBody) framed += `Trailer: ${scan.trailer}\r\n`;
  }
  return `${statusLine(scan, text)}${lines}${framed}${connection}\r\n`;
}

/** With its end. */
function statusLine(
  { start, statusStart, statusLineEnd, minor }: ResponseScan,
  text: string,
): string {
  const lineEnd = statusLineEnd - start;
  // RFC 9112 §4: the space belongs there even when no reason follows.
  const hasReason = statusLineEnd - statusStart > 3;
  if (minor === 1 && hasReason) return text.slice(0, lineEnd + 2);
  return `HTTP/1.1 ${text.slice(statusStart - start, lineEnd)}${hasReason ? "" : " "}\r\n`;
}
