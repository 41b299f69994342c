/** A frame that is larger than we accept. */
export class OversizedMessage extends Error {
  override readonly name = "OversizedMessage";
}

/** A frame that gRPC does not allow here. */
export class MalformedFrame extends Error {
  override readonly name = "MalformedFrame";
}

const prefixBytes = 5;

/** A message as gRPC puts it into a body: a flag for compression, its length in four bytes, itself. */
export function frame(bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + bytes.length);
  framed[0] = 0;
  framed.writeUInt32BE(bytes.length, 1);
  framed.set(bytes, prefixBytes);
  return framed;
}

/**
 * Finds the messages in a body that comes in pieces.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class FrameSplitter {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Length of the message that is being received, once its prefix is here. */
  #wanted: number | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun and not ended. */
  get isWithinMessage(): boolean {
    return this.#length > 0 || this.#wanted !== undefined;
  }

  /**
   * Takes one more piece; returns the messages it completes.
   *
   * @throws {@link OversizedMessage} as soon as the length is known; {@link MalformedFrame}.
   */
  push(chunk: Buffer): readonly Buffer[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const messages: Buffer[] = [];
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#length < prefixBytes) return messages;
        const prefix = this.#take(prefixBytes);
        if (prefix[0] !== 0) throw new MalformedFrame("compressed without being asked to");
        this.#wanted = prefix.readUInt32BE(1);
        if (this.#wanted > this.#maxBytes) {
          throw new OversizedMessage(
            `${this.#wanted} bytes, more than maxMessageBytes (${this.#maxBytes})`,
          );
        }
      }
      if (this.#length < this.#wanted) return messages;
      messages.push(this.#take(this.#wanted));
      this.#wanted = undefined;
    }
  }

  #take(length: number): Buffer {
    const [first] = this.#chunks;
    const all =
      this.#chunks.length === 1 && first !== undefined
        ? first
        : Buffer.concat(this.#chunks, this.#length);
    const rest = all.subarray(length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length -= length;
    return all.subarray(0, length);
  }
}
