import { type ListBlock } from "./list-block.ts";
import { ListReading } from "./list-reading.ts";

/** Text below this is parsed whole each time, in bytes. */
const smallBytes = 131_072;
/** So little of a large text that its memory is not taken for the reading's own, in bytes. */
const pieceBytes = 32_768;

/**
 * Reads a JSON array again and again, and decodes only what changed in it since it was read last.
 *
 * Of the text only its blocks' tags are kept, some bytes for each 64 KiB. What it gives is what parsing
 * the whole text and decoding every element would give; an unchanged element is the same object as before.
 */
export class ListMemory<T> {
  readonly #decode: (element: unknown) => T;
  readonly #isKept: boolean;
  #blocks: readonly ListBlock<T>[] = [];
  #bytes = 0;

  /** @param isKept  `false` remembers nothing: for a text that is read once. */
  constructor(decode: (element: unknown) => T, isKept = true) {
    this.#decode = decode;
    this.#isKept = isKept;
  }

  /**
   * Reads a text that is there in one piece, and stays the caller's.
   *
   * @throws SyntaxError when the text is no JSON; TypeError when it is no array.
   */
  readWhole(text: Uint8Array): readonly T[] {
    const reading = this.read();
    const bytes = text.length < smallBytes ? new Uint8Array(text) : text;
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      reading.write(bytes.subarray(at, at + pieceBytes));
    }
    return this.finish(reading);
  }

  /** Decodes elements that are there already, and remembers nothing. */
  decodeAll(elements: readonly unknown[]): readonly T[] {
    this.#blocks = [];
    this.#bytes = 0;
    return elements.map((element) => this.#decode(element));
  }

  /** Begins to read a text; what was read last stays remembered until this one is whole. */
  read(): ListReading<T> {
    return new ListReading(this.#blocks, this.#bytes, this.#decode);
  }

  /**
   * Ends a reading.
   *
   * @throws SyntaxError when the text is no JSON; TypeError when it is no array.
   */
  finish(reading: ListReading<T>): readonly T[] {
    const { pieces, bytes } = reading.end();
    const elements = ([] as T[]).concat(...pieces.map((piece) => piece.elements));
    const isWorthIt = this.#isKept && bytes >= smallBytes;
    const blocks = isWorthIt ? reading.blocks() : undefined;
    this.#blocks = blocks ?? [];
    this.#bytes = blocks === undefined ? 0 : bytes;
    return elements;
  }
}
