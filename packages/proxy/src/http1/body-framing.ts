import { type ChunkLimits, ChunkedWalk, malformed } from "./chunked-walk.ts";
import { trailersToForward } from "./trailers.ts";

/**
 * Follows the framing of one body after another, in place: tells which bytes of a buffer travel on as they
 * are, where the body ends, and what is to be said after it.
 *
 * @see RFC 9112 §6.3
 */
export class BodyFraming {
  readonly #limits: ChunkLimits;
  #left = 0;
  #taken = 0;
  #untilClose = false;
  #chunks: ChunkedWalk | undefined;
  #bad = false;

  /** Of the newest {@link take}: bytes up to here travel. */
  passEnd = 0;
  /** Of the newest {@link take}: bytes from here on do not belong to the body. */
  next = 0;
  /** Of the newest {@link take}: what to send after the bytes, trailers and the end; usually nothing. */
  tail = "";

  constructor(limits: ChunkLimits) {
    this.#limits = limits;
  }

  none(): void {
    this.#start(0, false, undefined);
  }

  length(bytes: number): void {
    this.#start(bytes, false, undefined);
  }

  chunked(): void {
    this.#start(0, false, new ChunkedWalk(this.#limits));
  }

  untilClose(): void {
    this.#start(0, true, undefined);
  }

  #start(left: number, untilClose: boolean, chunks: ChunkedWalk | undefined): void {
    this.#left = left;
    this.#taken = 0;
    this.#untilClose = untilClose;
    this.#chunks = chunks;
    this.#bad = false;
  }

  get isUntilClose(): boolean {
    return this.#untilClose;
  }

  /** Bytes of the body so far, without what frames them. */
  get dataBytes(): number {
    return this.#chunks === undefined ? this.#taken : this.#chunks.dataBytes;
  }

  /** Whether all of the body was taken. */
  get done(): boolean {
    return this.#chunks === undefined ? this.#left === 0 && !this.#untilClose : this.#chunks.done;
  }

  /** Whether the bytes are not what the framing promised. */
  get bad(): boolean {
    return this.#bad;
  }

  /** Why they are not. */
  get fault(): string {
    return this.#chunks?.bad === true ? this.#chunks.fault : malformed;
  }

  /**
   * Takes the bytes that are there; the result is in {@link passEnd}, {@link next} and {@link tail}.
   *
   * @param onData  For chunked bodies: told the ranges of data, for receivers that know no chunks.
   */
  take(bytes: Buffer, from: number, to: number, onData?: (from: number, to: number) => void): void {
    this.tail = "";
    if (this.#chunks !== undefined) {
      this.#takeChunks(this.#chunks, bytes, from, to, onData);
    } else if (this.#untilClose) {
      this.#taken += to - from;
      this.passEnd = to;
      this.next = to;
    } else {
      const end = Math.min(to, from + this.#left);
      this.#left -= end - from;
      this.#taken += end - from;
      this.passEnd = end;
      this.next = end;
    }
  }

  #takeChunks(
    chunks: ChunkedWalk,
    bytes: Buffer,
    from: number,
    to: number,
    onData: ((from: number, to: number) => void) | undefined,
  ): void {
    const end = chunks.atTrailers ? from : chunks.walk(bytes, from, to, onData);
    this.passEnd = end;
    this.next = end;
    if (chunks.atTrailers && end < to) {
      this.next = chunks.walkTrailers(bytes, end, to);
      if (chunks.done) {
        const kept = trailersToForward(chunks.trailers);
        if (kept === undefined) this.#bad = true;
        // Without trailers the end is in the buffer already, unless it came in pieces.
        else if (kept === "" && chunks.trailers === "" && this.next === end + 2) {
          this.passEnd = this.next;
        } else this.tail = `${kept}\r\n`;
      }
    }
    this.#bad ||= chunks.bad;
  }
}
