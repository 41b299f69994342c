import { promisify } from "node:util";
import { gunzip } from "node:zlib";

const unzip = promisify(gunzip);

/** A body that is not what it claims to be; the message is fit for an error's reason. */
export class BodyError extends Error {
  override readonly name = "BodyError";
}

/**
 * Collects a body and decompresses it, holding at most `maxBytes` of either form.
 *
 * @param encoding  Its `Content-Encoding`.
 * @throws {@link BodyError}; or what `chunks` throws.
 */
export async function readBody(
  chunks: AsyncIterable<Buffer>,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    // Leaving the loop ends the stream, so the rest is never received.
    if (bytes > maxBytes) throw new BodyError(`the answer is larger than ${maxBytes} bytes`);
    parts.push(chunk);
  }
  const body = Buffer.concat(parts, bytes);
  if (encoding === undefined || encoding === "identity" || bytes === 0) return body;
  if (encoding !== "gzip" && encoding !== "x-gzip") {
    throw new BodyError("the answer has an encoding nobody asked for");
  }
  try {
    return await unzip(body, { maxOutputLength: maxBytes });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new BodyError(
      code === "ERR_BUFFER_TOO_LARGE"
        ? `the answer unpacks to more than ${maxBytes} bytes`
        : "the answer is not valid gzip",
      { cause },
    );
  }
}
