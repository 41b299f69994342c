/** Something that a {@link Heap} keeps in order. */
export interface HeapEntry {
  /** Smallest first. */
  key: number;
  /** Decides between equal keys. */
  order: number;
  /** Where in the heap it is; the heap's own. */
  place: number;
}

const tolerance = 1e-9;

/** A binary heap whose entries know their place, so that one whose key changed is moved in O(log n). */
export class Heap<E extends HeapEntry> {
  readonly #entries: E[];

  constructor(entries: readonly E[]) {
    // A sorted array is a heap.
    this.#entries = [...entries].sort((a, b) => (isBefore(a, b) ? -1 : 1));
    for (const [place, entry] of this.#entries.entries()) entry.place = place;
  }

  /** All entries, the first one first, the others in no order. */
  get entries(): readonly E[] {
    return this.#entries;
  }

  get first(): E | undefined {
    return this.#entries[0];
  }

  /** Takes the first entry out. */
  shift(): void {
    const last = this.#entries.pop();
    if (last === undefined || this.#entries.length === 0) return;
    last.place = 0;
    this.sink(last);
  }

  push(entry: E): void {
    entry.place = this.#entries.push(entry) - 1;
    this.rise(entry);
  }

  /** Moves an entry whose key grew. */
  sink(entry: E): void {
    const entries = this.#entries;
    let { place } = entry;
    for (;;) {
      let child = 2 * place + 1;
      let earliest = entries[child];
      if (earliest === undefined) break;
      const right = entries[child + 1];
      if (right !== undefined && isBefore(right, earliest)) {
        child += 1;
        earliest = right;
      }
      if (!isBefore(earliest, entry)) break;
      entries[place] = earliest;
      earliest.place = place;
      place = child;
    }
    entries[place] = entry;
    entry.place = place;
  }

  /** Moves an entry whose key fell. */
  rise(entry: E): void {
    const entries = this.#entries;
    let { place } = entry;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = entries[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      entries[place] = above;
      above.place = place;
      place = parent;
    }
    entries[place] = entry;
    entry.place = place;
  }
}

/** Keys that are equal must not be torn apart by the last bit of a sum. */
function isBefore(a: HeapEntry, b: HeapEntry): boolean {
  const difference = a.key - b.key;
  if (difference > tolerance) return false;
  return difference < -tolerance || a.order < b.order;
}
