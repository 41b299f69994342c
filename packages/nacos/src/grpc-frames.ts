/** A stream of gRPC messages that is none; the message is fit for an error's reason. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

const headerBytes = 5;

/** One message with its prefix: a flag for compression, which we never use, and the length. */
export function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** Cuts a stream of bytes into messages. */
export class FrameReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #held = 0;

  /** @param maxBytes  Bound of one message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.#held > 0;
  }

  /**
   * Takes the next bytes and returns the messages that are whole now.
   *
   * @throws {@link FrameError} for a message that is too large or compressed.
   */
  push(chunk: Buffer): readonly Buffer[] {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    const messages: Buffer[] = [];
    while (this.#held >= headerBytes) {
      const header = this.#peek(headerBytes);
      if (header[0] !== 0)
        throw new FrameError("the message is compressed, which nobody asked for");
      const length = header.readUInt32BE(1);
      if (length > this.#maxBytes) {
        throw new FrameError(`the message is larger than ${this.#maxBytes} bytes`);
      }
      if (this.#held < headerBytes + length) break;
      const whole = this.#peek(headerBytes + length);
      messages.push(whole.subarray(headerBytes, headerBytes + length));
      this.#held -= headerBytes + length;
      this.#parts = this.#held === 0 ? [] : [whole.subarray(headerBytes + length)];
    }
    return messages;
  }

  /** At least `bytes` of what is held, in one piece. */
  #peek(bytes: number): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#parts);
    this.#parts = [joined];
    return joined;
  }
}
