/** A body that is not what it claims to be; the message is fit for an error's reason. */
export class BodyError extends Error {
  override readonly name = "BodyError";
}

/**
 * Collects a body of at most `maxBytes`.
 *
 * @throws {@link BodyError}; or what `chunks` throws.
 */
export async function readBody(chunks: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    // Leaving the loop ends the stream, so the rest is never received.
    if (bytes > maxBytes) throw new BodyError(`the answer is larger than ${maxBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts, bytes);
}

/**
 * The JSON of a body.
 *
 * @throws {@link BodyError}
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error would carry a piece of the text.
    throw new BodyError("the answer is not JSON");
  }
}
