/** Children per parent: their keys lie together in memory, and there are half as many levels as with two. */
const arityBits = 2;
const arity: number = 1 << arityBits;
/** Keys that are equal must not be torn apart by the last bit of a sum. */
const tolerance = 1e-9;

/**
 * The numbers from 0 in the order of a key that each has, and where keys are equal of a second one.
 *
 * It knows where each number is, so one whose key changes is moved in O(log n). All is in typed arrays, for
 * fractions that are passed in calls are allocated, and what is scattered takes long to load.
 */
export class Heap {
  /** By number; after a change call {@link move}, or {@link push} when it is out. */
  readonly keys: Float64Array;
  /** By number: the second key. It changes only together with the first. */
  readonly orders: Uint32Array;
  /** How many numbers are in. They are at the places before this one. */
  #length: number;
  /** By place. */
  readonly #numbers: Uint32Array;
  /** By place: the keys by which the numbers are in order. */
  readonly #ordered: Float64Array;
  /** By number. */
  readonly #places: Uint32Array;

  /**
   * @param keys  By number.
   * @param orders  By number; whole numbers. Default: the numbers themselves.
   */
  constructor(keys: readonly number[], orders?: readonly number[]) {
    this.keys = Float64Array.from(keys);
    this.orders = Uint32Array.from(orders ?? keys.keys());
    this.#length = keys.length;
    // A sorted array is a heap.
    this.#numbers = Uint32Array.from(keys, (_, number) => number).sort((a, b) => {
      const difference = (keys[a] ?? 0) - (keys[b] ?? 0);
      return Math.abs(difference) <= tolerance ? (this.#isFirst(a, b) ? -1 : 1) : difference;
    });
    this.#ordered = Float64Array.from(this.#numbers, (number) => keys[number] ?? 0);
    this.#places = new Uint32Array(keys.length);
    for (const [place, number] of this.#numbers.entries()) this.#places[number] = place;
  }

  /** The first number; `undefined` when all are taken out. */
  get first(): number | undefined {
    return this.#length === 0 ? undefined : this.#numbers[0];
  }

  /** Takes the first number out. */
  shift(): void {
    this.#length -= 1;
    if (this.#length > 0) this.#sink(0, this.#numbers[this.#length] ?? 0);
  }

  /** Puts a number back that was taken out. */
  push(number: number): void {
    this.#length += 1;
    this.#rise(this.#length - 1, number);
  }

  /** Brings a number, whose key changed, to its place. */
  move(number: number): void {
    const place = this.#places[number] ?? 0;
    if ((this.keys[number] ?? 0) < (this.#ordered[place] ?? 0)) this.#rise(place, number);
    else this.#sink(place, number);
  }

  /** Makes every key smaller by this. */
  rebase(by: number): void {
    for (let place = 0; place < this.#length; place += 1) {
      const number = this.#numbers[place] ?? 0;
      const key = (this.keys[number] ?? 0) - by;
      this.keys[number] = key;
      this.#ordered[place] = key;
    }
  }

  /**
   * Goes down to the bottom first, always to the least child, and up again from there: a number that sinks was
   * the first of many, so it nearly always ends near the bottom, and it is compared once instead of at each level.
   */
  #sink(from: number, number: number): void {
    const ordered = this.#ordered;
    const numbers = this.#numbers;
    const places = this.#places;
    const length = this.#length;
    let place = from;
    for (;;) {
      const start = place * arity + 1;
      if (start >= length) break;
      const end = Math.min(start + arity, length);
      let leastPlace = start;
      let leastKey = ordered[start] ?? 0;
      for (let child = start + 1; child < end; child += 1) {
        const childKey = ordered[child] ?? 0;
        if (childKey > leastKey + tolerance) continue;
        if (
          childKey >= leastKey - tolerance &&
          !this.#isFirst(numbers[child] ?? 0, numbers[leastPlace] ?? 0)
        ) {
          continue;
        }
        leastPlace = child;
        leastKey = childKey;
      }
      const least = numbers[leastPlace] ?? 0;
      numbers[place] = least;
      ordered[place] = leastKey;
      places[least] = place;
      place = leastPlace;
    }
    this.#rise(place, number, from);
  }

  /** @param top  The highest place that it may rise to. */
  #rise(from: number, number: number, top = 0): void {
    const ordered = this.#ordered;
    const numbers = this.#numbers;
    const key = this.keys[number] ?? 0;
    let place = from;
    while (place > top) {
      const parent = (place - 1) >> arityBits;
      const above = numbers[parent] ?? 0;
      const aboveKey = ordered[parent] ?? 0;
      if (key > aboveKey + tolerance) break;
      if (key >= aboveKey - tolerance && !this.#isFirst(number, above)) break;
      numbers[place] = above;
      ordered[place] = aboveKey;
      this.#places[above] = place;
      place = parent;
    }
    numbers[place] = number;
    ordered[place] = key;
    this.#places[number] = place;
  }

  /** Which of two with equal keys is first. */
  #isFirst(a: number, b: number): boolean {
    return (this.orders[a] ?? 0) < (this.orders[b] ?? 0);
  }
}
