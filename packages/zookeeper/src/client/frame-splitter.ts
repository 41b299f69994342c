/**
 * Cuts a stream of bytes into frames: four bytes of length, then the body.
 *
 * What belongs to an unfinished frame is kept as it came and joined once, so a large answer costs one copy however
 * many pieces it comes in.
 */
export class FrameSplitter {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes of the frame that is under way, its length included; 4 while that is not known. */
  #wanted = 4;

  /** @param maxBytes  Bound of a frame's body. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next piece of the stream and yields the bodies of the frames it completes. Each must be used before
   * the next is asked for, or copied.
   *
   * @throws {@link FrameError} when a frame claims to be longer than allowed, or of negative length.
   */
  *push(piece: Buffer): Generator<Buffer, void, void> {
    this.#pieces.push(piece);
    this.#held += piece.length;
    while (this.#held >= this.#wanted) {
      const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
      let at = 0;
      for (;;) {
        const left = bytes.length - at;
        this.#wanted = 4;
        if (left < 4) break;
        const length = bytes.readInt32BE(at);
        if (length < 0) throw new FrameError("a frame of negative length");
        if (length > this.#maxBytes) {
          throw new FrameError(
            `a frame of ${length} bytes, more than maxFrameBytes (${this.#maxBytes})`,
          );
        }
        this.#wanted = 4 + length;
        if (left < this.#wanted) break;
        at += this.#wanted;
        yield bytes.subarray(at - length, at);
      }
      this.#pieces = at === bytes.length ? [] : [bytes.subarray(at)];
      this.#held = bytes.length - at;
    }
  }
}

/** A frame that is no frame, or too long; its message holds nothing of it. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}
