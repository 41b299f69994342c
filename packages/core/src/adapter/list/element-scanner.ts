const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Finds where the elements of a JSON array end, in bytes that come in pieces of any size.
 *
 * Right for every valid JSON: all that structures it is ASCII, and no byte of a longer UTF-8 sequence is.
 * Of what is not valid it finds something or nothing; whoever uses what it found must have it parsed.
 */
export class ElementScanner {
  #depth: number;
  #state: "outside" | "text" | "escape" = "outside";

  /** @param isInside  Whether the bytes begin behind the array's opening bracket or one of its commas. */
  constructor(isInside: boolean) {
    this.#depth = isInside ? 1 : 0;
  }

  /** The offset behind the next comma between two elements; -1 when these bytes hold none. */
  next(bytes: Uint8Array, from: number): number {
    let depth = this.#depth;
    let state = this.#state;
    const { length } = bytes;
    for (let at = from; at < length; at += 1) {
      const byte = bytes[at];
      if (state === "text") {
        if (byte === quote) state = "outside";
        else if (byte === backslash) state = "escape";
      } else if (state === "escape") {
        state = "text";
      } else if (byte === quote) {
        state = "text";
      } else if (byte === openBrace || byte === openBracket) {
        depth += 1;
      } else if (byte === closeBrace || byte === closeBracket) {
        depth -= 1;
      } else if (byte === comma && depth === 1) {
        this.#depth = depth;
        this.#state = state;
        return at + 1;
      }
    }
    this.#depth = depth;
    this.#state = state;
    return -1;
  }
}
