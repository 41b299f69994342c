import { crc32 } from "node:zlib";

import { tagOf } from "./block-tag.ts";
import { ElementScanner } from "./element-scanner.ts";

/** Bytes of a block, at least: little enough to parse again, and many tags cost more than few. */
export const blockBytes = 65_536;

/**
 * Neighbouring elements of a JSON array as they stood in its text, from behind the comma before them to
 * behind their own last one: what is kept of their bytes, and what they were decoded to.
 */
export interface ListBlock<T> {
  readonly bytes: number;
  readonly tag: string;
  /** {@link headOf} of the first element: where to look whether the block begins. */
  readonly head: number;
  readonly elements: readonly T[];
}

/** A checksum of an element's bytes, which may come in pieces. A hint only: the tag decides. */
export function headOf(part: Uint8Array, before = 0): number {
  return crc32(part, before);
}

/**
 * Cuts the text of neighbouring elements into blocks.
 *
 * @param isInside  Whether the text begins behind a comma, and not with the array's bracket.
 * @param elements  What the text was decoded to.
 * @returns undefined when there are other elements in the text.
 */
export function blocksOf<T>(
  text: Uint8Array,
  isInside: boolean,
  elements: readonly T[],
): readonly ListBlock<T>[] | undefined {
  const scanner = new ElementScanner(isInside);
  const blocks: ListBlock<T>[] = [];
  let begin = 0;
  let headEnd = 0;
  let first = 0;
  let count = 0;
  const cut = (end: number): void => {
    const bytes = text.subarray(begin, end);
    blocks.push({
      bytes: bytes.length,
      tag: tagOf([bytes]),
      head: headOf(text.subarray(begin, headEnd)),
      elements: elements.slice(first, count),
    });
    begin = end;
    headEnd = end;
    first = count;
  };
  let last = 0;
  for (let end = scanner.next(text, 0); end !== -1; end = scanner.next(text, end)) {
    count += 1;
    last = end;
    if (headEnd === begin) headEnd = end;
    if (end - begin >= blockBytes) cut(end);
  }
  if (last < text.length) {
    // Behind the last comma is one more element, which the array's end closes.
    count += 1;
    if (headEnd === begin) headEnd = text.length;
  }
  if (begin < text.length) cut(text.length);
  return count === elements.length ? blocks : undefined;
}
