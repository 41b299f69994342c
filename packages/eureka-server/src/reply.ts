import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";

import { Refusal } from "./refusal.ts";
import type { Format, Rendering } from "./rendering.ts";

/**
 * Chooses the format a client prefers; without a header, and for a wildcard, that is XML.
 *
 * @throws {Refusal} 406 when neither format is among what it accepts.
 */
export function negotiate(accept: string | undefined): Format {
  if (accept === undefined) return "xml";
  const preferred = accept
    .split(",")
    .map(mediaRange)
    .filter((range) => range.format !== undefined && range.quality > 0)
    .toSorted((a, b) => b.quality - a.quality || b.precision - a.precision)[0];
  if (preferred?.format !== undefined) return preferred.format;
  throw new Refusal(406, "only application/json and application/xml can be had");
}

interface MediaRange {
  readonly format: Format | undefined;
  readonly quality: number;
  readonly precision: number;
}

// RFC 9110 §12.5.1; a quality that is no number counts as 1.
function mediaRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.toLowerCase().split(";");
  const quality = parameters.map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1]);
  const [format, precision] = formats.get(type.trim()) ?? [undefined, 0];
  return { format, precision, quality: Number(quality.find(Boolean) ?? 1) };
}

const formats: ReadonlyMap<string, readonly [Format, number]> = new Map([
  ["application/json", ["json", 2]],
  ["application/xml", ["xml", 2]],
  ["application/*", ["xml", 1]],
  ["*/*", ["xml", 0]],
]);

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
