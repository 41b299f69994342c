import type { IncomingMessage } from "node:http";

import { Refusal } from "./refusal.ts";

// A body that is too large is read on to this size, so that the client hears the answer and not a reset.
const maxDrainBytes = 16 * 1024 * 1024;

/**
 * Reads a request body as UTF-8.
 *
 * @throws {Refusal} 413 when it is larger than `maxBytes`.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  if (Number(request.headers["content-length"] ?? 0) > maxDrainBytes) throw tooLarge(maxBytes);
  // The stream is left open when the loop ends early: the answer still has to be sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxDrainBytes) break;
    if (size > maxBytes) chunks.length = 0;
    else chunks.push(chunk);
  }
  if (size > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(chunks).toString("utf8");
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal(413, `the body is larger than ${maxBytes} bytes (maxBodyBytes)`, {
    headers: { connection: "close" },
  });
}
