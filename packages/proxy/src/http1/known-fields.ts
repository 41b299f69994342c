/** Answer of {@link KnownFields.find}: CGI and its kin take `X_Forwarded_For` for `X-Forwarded-For`. */
export const LOOKALIKE = 127;

const underscore = 0x5f;
const hyphen = 0x2d;

/** Names are the same whatever their case, and to some readers an underscore is a hyphen. */
const folded: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === underscore) return hyphen;
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
});

/** Finds out which of a few known field names some bytes spell, without making a string of them. */
export class KnownFields {
  readonly #slots = new Int8Array(4096);
  readonly #names: readonly Buffer[];

  /** @param names  In lower case; the answer is an index into them plus 1. */
  constructor(names: readonly string[]) {
    this.#names = names.map((name) => Buffer.from(name, "latin1"));
    for (const [index, name] of this.#names.entries()) {
      let hash = 0;
      for (const byte of name) hash = nextHash(hash, byte);
      const slot = slotOf(hash);
      // Names are fixed in the source, so this tells at import that another hash is needed.
      if (this.#slots[slot] !== 0) throw new Error(`${names[index]} shares its slot with another`);
      this.#slots[slot] = index + 1;
    }
  }

  /**
   * @param hash  {@link nextHash} over the bytes from `from` to `to`.
   * @returns 0 for a name that is none of them; {@link LOOKALIKE} for one that differs by underscores only.
   */
  find(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const found = this.#slots[slotOf(hash)]!;
    if (found === 0) return 0;
    const name = this.#names[found - 1]!;
    if (name.length !== to - from) return 0;
    let answer = found;
    for (let index = 0; index < name.length; index += 1) {
      const byte = bytes[from + index]!;
      if (folded[byte] !== name[index]) return 0;
      if (byte === underscore) answer = LOOKALIKE;
    }
    return answer;
  }
}

/** Takes one more byte of a name into its hash, whatever its case. */
export function nextHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + folded[byte]!) | 0;
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 12)) & 4095;
}
