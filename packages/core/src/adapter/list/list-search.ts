import type { ByteWindow } from "./byte-window.ts";
import { ElementScanner } from "./element-scanner.ts";
import { headOf, type ListBlock } from "./list-block.ts";

/** A place where a block of before may begin. */
export interface Candidate<T> {
  readonly block: ListBlock<T>;
  readonly at: number;
}

/** Walks the elements of a window and looks for one that a block of before began with. */
export class ListSearch<T> {
  readonly #heads: ReadonlyMap<number, ListBlock<T>>;
  readonly #scanner: ElementScanner;
  /** Whether the element of now is behind a comma; only there can a block be that was behind one. */
  #isInside: boolean;
  /** Where the element of now begins, and how far it is looked through. */
  #elementAt = 0;
  #at = 0;
  #head = 0;

  constructor(heads: ReadonlyMap<number, ListBlock<T>>, isInside: boolean) {
    this.#heads = heads;
    this.#scanner = new ElementScanner(isInside);
    this.#isInside = isInside;
  }

  /** How many bytes have been looked through. */
  get length(): number {
    return this.#at;
  }

  /** The next candidate in the bytes there are; undefined: there is none yet. */
  next(window: ByteWindow): Candidate<T> | undefined {
    for (const part of window.parts(this.#at, window.length)) {
      for (let from = 0; from < part.length;) {
        const end = this.#scanner.next(part, from);
        const to = end === -1 ? part.length : end;
        this.#head = headOf(part.subarray(from, to), this.#head);
        this.#at += to - from;
        from = to;
        if (end === -1) break;
        const at = this.#elementAt;
        const block = this.#isInside ? this.#heads.get(this.#head) : undefined;
        this.#elementAt = this.#at;
        this.#isInside = true;
        this.#head = 0;
        if (block !== undefined) return { block, at };
      }
    }
    return undefined;
  }
}
