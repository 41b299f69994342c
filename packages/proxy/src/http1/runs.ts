/** A few ranges of offsets, reused from head to head. */
export class Runs {
  #offsets = new Int32Array(16);
  #length = 0;

  get count(): number {
    return this.#length >> 1;
  }

  clear(): void {
    this.#length = 0;
  }

  add(from: number, to: number): void {
    if (this.#length === this.#offsets.length) {
      const larger = new Int32Array(this.#offsets.length * 2);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
    this.#offsets[this.#length] = from;
    this.#offsets[this.#length + 1] = to;
    this.#length += 2;
  }

  from(index: number): number {
    return this.#offsets[index * 2]!;
  }

  to(index: number): number {
    return this.#offsets[index * 2 + 1]!;
  }
}
