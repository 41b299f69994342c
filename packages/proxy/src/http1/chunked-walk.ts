import { CR, hexDigit, LF, tokenByte, valueByte } from "./char-class.ts";

/** Bounds of what surrounds the data of a chunked body. */
export interface ChunkLimits {
  /** All chunk extensions of one body together, in bytes. */
  readonly maxExtensionBytes: number;
  /** The trailer section, in bytes. */
  readonly maxTrailerBytes: number;
}

const [SIZE, EXTENSION, SIZE_END, DATA, DATA_CR, DATA_LF, TRAILERS, DONE, BAD] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
] as const;
type State = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Inside of an extension: `;name`, `;name=token` or `;name="quoted"`. */
const [NAME_START, NAME, VALUE_START, VALUE, QUOTED, ESCAPED, QUOTED_END] = [
  0, 1, 2, 3, 4, 5, 6,
] as const;
type ExtensionState = 0 | 1 | 2 | 3 | 4 | 5 | 6;

const [SEMICOLON, EQUALS, QUOTE, BACKSLASH] = [0x3b, 0x3d, 0x22, 0x5c] as const;
/** More digits than any chunk needs: 16⁸ bytes are 4 GiB. */
const maxDigits = 8;

/** What is wrong with bodies that are no chunked ones. */
export const malformed = "the chunked body is malformed";

/** What no trailer section goes on with, so that nobody waits for its end. */
const bareLineEnd = /\r(?!\n|$)|(?<!\r)\n/;

/**
 * Walks over a chunked body where it lies, without decoding it: chunks travel as they came. It stops before
 * the trailer section, which the caller gets as text, for not every trailer may travel.
 *
 * @see RFC 9112 §7.1
 */
export class ChunkedWalk {
  readonly #limits: ChunkLimits;
  #state: State = SIZE;
  #extensionState: ExtensionState = NAME_START;
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailers = "";
  #fault = "";
  /** Bytes of data so far, without their framing. */
  dataBytes = 0;

  constructor(limits: ChunkLimits) {
    this.#limits = limits;
  }

  /** Whether the body has ended. */
  get done(): boolean {
    return this.#state === DONE;
  }

  /** Whether what was walked over is no chunked body. */
  get bad(): boolean {
    return this.#state === BAD;
  }

  /** Why it is {@link bad}. */
  get fault(): string {
    return this.#fault;
  }

  /** The trailer section without its last line, once {@link done}. */
  get trailers(): string {
    return this.#trailers;
  }

  /**
   * Goes on at `from`.
   *
   * @param onData  Told each range of data, without its framing.
   * @returns how far it got: `to`, or less when the body has ended there or is bad.
   */
  walk(
    bytes: Buffer,
    from: number,
    to: number,
    onData?: (from: number, to: number) => void,
  ): number {
    let at = from;
    while (at < to) {
      switch (this.#state) {
        case SIZE:
          at = this.#size(bytes, at, to);
          break;
        case EXTENSION:
          at = this.#extension(bytes, at, to);
          break;
        case SIZE_END:
          if (bytes[at] !== LF) return this.#fail(at);
          at += 1;
          this.#digits = 0;
          if (this.#left === 0) {
            this.#state = TRAILERS;
            return at;
          }
          this.#state = DATA;
          break;
        case DATA: {
          const end = Math.min(to, at + this.#left);
          onData?.(at, end);
          this.#left -= end - at;
          this.dataBytes += end - at;
          at = end;
          if (this.#left === 0) this.#state = DATA_CR;
          break;
        }
        case DATA_CR:
          if (bytes[at] !== CR) return this.#fail(at);
          at += 1;
          this.#state = DATA_LF;
          break;
        case DATA_LF:
          if (bytes[at] !== LF) return this.#fail(at);
          at += 1;
          this.#state = SIZE;
          break;
        case TRAILERS:
        case DONE:
        case BAD:
          return at;
      }
      if (this.bad) return at;
    }
    return at;
  }

  /** Whether the trailer section comes next: hand its bytes to {@link walkTrailers}. */
  get atTrailers(): boolean {
    return this.#state === TRAILERS;
  }

  /** Takes in the trailer section; returns how far it got. */
  walkTrailers(bytes: Buffer, from: number, to: number): number {
    // Most bodies have none: the empty line is all there is.
    if (this.#trailers === "" && to - from >= 2 && bytes[from] === CR && bytes[from + 1] === LF) {
      this.#state = DONE;
      return from + 2;
    }
    const before = this.#trailers.length;
    const room = this.#limits.maxTrailerBytes + 2 - before;
    const taken = bytes.toString("latin1", from, Math.min(to, from + room));
    const text = this.#trailers + taken;
    if (text.startsWith("\r\n")) {
      this.#trailers = "";
      this.#state = DONE;
      return from + 2 - before;
    }
    const end = text.indexOf("\r\n\r\n", Math.max(0, before - 3));
    if (end === -1) {
      if (taken.length === room && to - from >= room) {
        return this.#fail(from, "the trailer section is too long");
      }
      if (bareLineEnd.test(text)) return this.#fail(from);
      this.#trailers = text;
      return from + taken.length;
    }
    this.#trailers = text.slice(0, end + 2);
    this.#state = DONE;
    return from + end + 4 - before;
  }

  #size(bytes: Buffer, from: number, to: number): number {
    let at = from;
    let left = this.#left;
    while (at < to && hexDigit[bytes[at]!] !== -1) {
      left = left * 16 + hexDigit[bytes[at]!]!;
      at += 1;
    }
    this.#left = left;
    this.#digits += at - from;
    if (this.#digits > maxDigits) return this.#fail(at);
    if (at === to) return at;
    if (this.#digits === 0) return this.#fail(at);
    if (bytes[at] === CR) {
      this.#state = SIZE_END;
    } else if (bytes[at] === SEMICOLON) {
      this.#state = EXTENSION;
      this.#extensionState = NAME_START;
    } else {
      return this.#fail(at);
    }
    return at + 1;
  }

  #extension(bytes: Buffer, from: number, to: number): number {
    let at = from;
    let state = this.#extensionState;
    for (; at < to; at += 1) {
      const byte = bytes[at]!;
      const next = afterByte(state, byte);
      if (next === undefined) break;
      state = next;
    }
    this.#extensionState = state;
    this.#extensionBytes += at - from;
    if (this.#extensionBytes > this.#limits.maxExtensionBytes) {
      return this.#fail(at, "the chunk extensions are too long");
    }
    if (at === to) return at;
    if (bytes[at] !== CR || !(state === NAME || state === VALUE || state === QUOTED_END)) {
      return this.#fail(at);
    }
    this.#state = SIZE_END;
    return at + 1;
  }

  #fail(at: number, fault: string = malformed): number {
    this.#state = BAD;
    this.#fault = fault;
    return at;
  }
}

/** Where an extension is after one more byte; `undefined`: the byte is no part of it. */
function afterByte(state: ExtensionState, byte: number): ExtensionState | undefined {
  switch (state) {
    case NAME_START:
      return tokenByte[byte] === 1 ? NAME : undefined;
    case NAME:
      if (byte === EQUALS) return VALUE_START;
      if (byte === SEMICOLON) return NAME_START;
      return tokenByte[byte] === 1 ? NAME : undefined;
    case VALUE_START:
      if (byte === QUOTE) return QUOTED;
      return tokenByte[byte] === 1 ? VALUE : undefined;
    case VALUE:
      if (byte === SEMICOLON) return NAME_START;
      return tokenByte[byte] === 1 ? VALUE : undefined;
    case QUOTED:
      if (byte === QUOTE) return QUOTED_END;
      if (byte === BACKSLASH) return ESCAPED;
      return valueByte[byte] === 1 ? QUOTED : undefined;
    case ESCAPED:
      return valueByte[byte] === 1 ? QUOTED : undefined;
    case QUOTED_END:
      break;
  }
  return byte === SEMICOLON ? NAME_START : undefined;
}
