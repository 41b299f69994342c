import type { IncomingMessage, ServerResponse } from "node:http";

import { responseFields, trailerFields } from "./header-rules.ts";

/** How the relay of an answer ended. */
export type RelayEnd = "complete" | "node_broke" | "node_silent" | "client_left" | "client_stalled";

/**
 * Streams a node's answer to the client, at the pace of the slower one.
 *
 * An answer that breaks off breaks the client's connection: it never sees a complete-looking part.
 */
export function relayAnswer(
  answer: IncomingMessage,
  response: ServerResponse,
  readMs: number,
): Promise<RelayEnd> {
  return new Promise((resolve) => {
    let settled = false;
    const timer = setTimeout(() => {
      settle(response.writableNeedDrain ? "client_stalled" : "node_silent");
    }, readMs);

    function settle(end: RelayEnd): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      response.off("drain", onDrain);
      if (end !== "complete") {
        answer.destroy();
        // A mere end would look like a whole body to a client that reads until the connection closes.
        response.socket?.resetAndDestroy();
      }
      resolve(end);
    }

    function onDrain(): void {
      timer.refresh();
      answer.resume();
    }

    answer.on("data", (chunk: Buffer) => {
      timer.refresh();
      if (!response.write(chunk)) answer.pause();
    });
    answer.once("end", () => {
      if (!answer.complete) {
        settle("node_broke");
        return;
      }
      const trailers = trailerFields(answer.rawTrailers);
      if (trailers.length > 0 && response.chunkedEncoding) response.addTrailers(trailers);
      response.end();
    });
    answer.on("error", () => settle("node_broke"));
    answer.once("close", () => {
      if (!answer.complete) settle("node_broke");
    });
    response.on("drain", onDrain);
    response.once("finish", () => settle("complete"));
    response.once("close", () => settle("client_left"));
    response.on("error", () => settle("client_left"));
    if (response.destroyed || response.closed) settle("client_left");
    else sendHead(answer, response);
  });
}

function sendHead(answer: IncomingMessage, response: ServerResponse): void {
  const status = answer.statusCode ?? 502;
  const { httpVersion, method } = response.req;
  const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
  const chunked = answer.headers["transfer-encoding"] !== undefined && httpVersion === "1.1";
  const fields = responseFields(answer, chunked && hasBody);
  const phrase = answer.statusMessage ?? "";
  // Node refuses phrases with bytes outside its set; they carry no meaning (RFC 9112 §4).
  const printable = /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(phrase);
  response.writeHead(status, printable ? phrase : "", fields);
  // Not flushHeaders(), which writes UTF-8 and so spoils bytes above 0x7f (RFC 9110 §5.5).
  response.write(Buffer.alloc(0));
}
