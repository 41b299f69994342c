import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";

import { Refusal } from "./refusal.ts";
import type { Format, Rendering } from "./rendering.ts";

/**
 * Chooses as the real server does: JSON only for an `Accept` that names it, XML for anything else that
 * XML satisfies, also for a missing header.
 *
 * @throws {Refusal} 406 when neither will do.
 */
export function negotiate(request: IncomingMessage): Format {
  const { accept } = request.headers;
  if (accept === undefined || accept.trim() === "") return "xml";
  if (accept.includes("json")) return "json";
  if (/xml|\*\/\*|application\/\*/.test(accept)) return "xml";
  throw new Refusal(406, "only application/json and application/xml can be had");
}

/** Sends a document, compressed when the client takes gzip. */
export async function sendRendering(
  request: IncomingMessage,
  response: ServerResponse,
  rendering: Rendering,
): Promise<void> {
  const zipped = acceptsGzip(request);
  const body = zipped ? await rendering.compressed() : rendering.plain;
  response.writeHead(200, {
    "content-type": `application/${rendering.format}`,
    ...(zipped && { "content-encoding": "gzip" }),
    "content-length": body.length,
  });
  response.end(body);
}

/** Sends a status without a body. */
export function sendEmpty(response: ServerResponse, status: 200 | 204): void {
  response.writeHead(status, status === 204 ? {} : { "content-length": 0 });
  response.end();
}

/** Sends an error in the shape of the real server, with a `message` added that says more. */
export function sendRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
  nowUnixMs: number,
): void {
  const { status } = refusal;
  const error = STATUS_CODES[status] ?? "Error";
  const path = (request.url ?? "/").split("?", 1)[0];
  const timestamp = new Date(nowUnixMs).toISOString().replace("Z", "+00:00");
  const body =
    refusal.body ?? JSON.stringify({ timestamp, status, error, path, message: refusal.message });
  response.writeHead(status, {
    ...refusal.headers,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function acceptsGzip(request: IncomingMessage): boolean {
  const header = request.headers["accept-encoding"] ?? "";
  return header.split(",").some((coding) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$)|$)/i.test(coding));
}
