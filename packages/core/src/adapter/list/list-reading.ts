import { tagOf } from "./block-tag.ts";
import { ByteWindow } from "./byte-window.ts";
import { blockBytes, blocksOf, type ListBlock } from "./list-block.ts";
import { ListSearch } from "./list-search.ts";

/** Neighbouring elements of the text: a block of before, or what was parsed and where its text is. */
type Piece<T> =
  | { readonly elements: readonly T[]; readonly block: ListBlock<T> }
  | { readonly elements: readonly T[]; readonly block?: undefined; readonly text: Buffer };

/**
 * One text of a {@link ListMemory}, chunk by chunk.
 *
 * At the place where a block of before is expected, its tag tells whether the next bytes are the same. If
 * not, the elements there are searched for one that another block began with, and what lies between is
 * parsed. Blocks and parsed pieces meet behind commas of the array only, so together they are a valid
 * array exactly if each piece is one between brackets: nothing rests on what the search takes for an element.
 */
export class ListReading<T> {
  readonly #decode: (element: unknown) => T;
  readonly #before: readonly ListBlock<T>[];
  /** Blocks that can stand elsewhere: the first has the array's bracket. */
  readonly #heads: Map<number, ListBlock<T>>;
  readonly #window = new ByteWindow();
  /** In the order of the text: blocks of before, and texts that are to be parsed. */
  readonly #found: (ListBlock<T> | { readonly text: Buffer })[] = [];
  #expected: { readonly block: ListBlock<T>; readonly at: number } | undefined;
  #search: ListSearch<T>;
  /** Bytes that may still be looked at in vain: when too much has changed, the rest is parsed. */
  #searchable: number;
  #isClosed = false;
  #bytes = 0;
  #pieces: readonly Piece<T>[] = [];

  constructor(before: readonly ListBlock<T>[], bytes: number, decode: (element: unknown) => T) {
    this.#before = before;
    this.#decode = decode;
    const [first, ...others] = before;
    this.#heads = new Map(others.map((block) => [block.head, block]));
    this.#expected = first === undefined ? undefined : { block: first, at: 0 };
    this.#searchable = first === undefined ? 0 : Math.max(8 * blockBytes, bytes / 2);
    this.#search = new ListSearch(this.#heads, false);
  }

  /** Takes the next bytes, which belong to the reading from here on. */
  write(chunk: Uint8Array): void {
    this.#window.push(chunk);
    this.#bytes += chunk.length;
    while (this.#step()) {
      // One step at a time.
    }
  }

  /**
   * Parses what is not known.
   *
   * @throws SyntaxError when the text is no JSON; TypeError when it is no array.
   */
  end(): { readonly pieces: readonly Piece<T>[]; readonly bytes: number } {
    const rest = this.#window.copy(this.#window.length);
    if (!this.#isClosed) this.#found.push({ text: rest });
    // Behind the array's end.
    else if (rest.length > 0) JSON.parse(`[]${rest.toString("utf8")}`);
    const last = this.#found.length - 1;
    this.#pieces = this.#found.map((found, index) =>
      "text" in found
        ? this.#parse(found.text, index > 0, index === last)
        : { elements: found.elements, block: found },
    );
    return { pieces: this.#pieces, bytes: this.#bytes };
  }

  /** The blocks of the text, after its end; undefined when they are not worth keeping. */
  blocks(): readonly ListBlock<T>[] | undefined {
    // Then the last block is not the text's end.
    if (this.#isClosed && this.#window.length > 0) return undefined;
    const blocks: ListBlock<T>[] = [];
    for (const [index, piece] of this.#pieces.entries()) {
      const own =
        piece.block === undefined ? blocksOf(piece.text, index > 0, piece.elements) : [piece.block];
      if (own === undefined) return undefined;
      blocks.push(...own);
    }
    // Many small pieces, of many small changes.
    return blocks.length > 16 + (2 * this.#bytes) / blockBytes ? undefined : blocks;
  }

  /** Whether another step may follow at once. */
  #step(): boolean {
    if (this.#isClosed) return false;
    if (this.#expected !== undefined) {
      const { block, at } = this.#expected;
      if (this.#window.length < at + block.bytes) return false;
      const isSame = tagOf(this.#window.parts(at, at + block.bytes)) === block.tag;
      this.#expected = undefined;
      if (isSame) this.#meet(block, at);
      // Records may look alike by the thousand: not each may have a whole block looked at.
      else this.#searchable -= block.bytes;
      return true;
    }
    if (this.#searchable <= 0) return false;
    const before = this.#search.length;
    this.#expected = this.#search.next(this.#window);
    this.#searchable -= this.#search.length - before;
    return this.#expected !== undefined;
  }

  /** A block of before is here: what lies before it is to be parsed, and the one after it is expected. */
  #meet(block: ListBlock<T>, at: number): void {
    if (at > 0) this.#found.push({ text: this.#window.copy(at) });
    this.#found.push(block);
    this.#window.drop(at + block.bytes);
    const next = this.#before[this.#before.indexOf(block) + 1];
    this.#isClosed = next === undefined;
    this.#expected = next === undefined ? undefined : { block: next, at: 0 };
    this.#search = new ListSearch(this.#heads, true);
  }

  #parse(text: Buffer, isInside: boolean, isLast: boolean): Piece<T> {
    const content = text.toString("utf8", 0, isLast ? text.length : text.length - 1);
    const parsed: unknown = JSON.parse(`${isInside ? "[" : ""}${content}${isLast ? "" : "]"}`);
    if (!Array.isArray(parsed)) throw new TypeError("an array is expected");
    // Before or behind a comma there must be something.
    if (parsed.length === 0 && (isInside || !isLast))
      throw new SyntaxError("an element is missing");
    return { elements: parsed.map((element) => this.#decode(element)), text };
  }
}
