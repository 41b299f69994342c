/** Chunks below a quarter of it are gathered, so that no server makes us keep millions of them. */
const slabBytes = 65_536;

/**
 * The part of a stream that is not done with yet: bytes come in at its end and are dropped from its start.
 *
 * The chunks must belong to it: their memory is given back as soon as it is dropped. Else an answer of
 * megabytes leaves that much for the collector to find, which then runs once per answer.
 */
export class ByteWindow {
  readonly #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that are dropped. */
  #dropped = 0;
  #length = 0;
  readonly #spent: Uint8Array[] = [];
  /** Where small chunks are gathered: the memory of the last chunk, as far as it is filled. */
  #slab: { readonly memory: Buffer; filled: number } | undefined;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    // Several chunks may be of one piece of memory, and whoever gave the last one may still be using it.
    for (let [first] = this.#spent; first !== undefined; [first] = this.#spent) {
      if (first.buffer === chunk.buffer || first.buffer === this.#chunks[0]?.buffer) break;
      giveBack(first);
      this.#spent.shift();
    }
    this.#length += chunk.length;
    if (chunk.length < slabBytes / 4) {
      this.#gather(chunk);
    } else {
      this.#slab = undefined;
      this.#chunks.push(chunk);
    }
  }

  /** The bytes of a range, in as many pieces as they came in. */
  parts(from: number, to: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let start = -this.#dropped;
    for (const chunk of this.#chunks) {
      const end = start + chunk.length;
      if (end > from && start < to) {
        parts.push(chunk.subarray(Math.max(0, from - start), Math.min(chunk.length, to - start)));
      }
      if (end >= to) break;
      start = end;
    }
    return parts;
  }

  /** A copy of the bytes from the start to an offset. */
  copy(to: number): Buffer {
    return Buffer.concat(this.parts(0, to), to);
  }

  /** Forgets the bytes up to an offset. */
  drop(to: number): void {
    this.#length -= to;
    this.#dropped += to;
    for (let [first] = this.#chunks; first !== undefined; [first] = this.#chunks) {
      if (first.length > this.#dropped) break;
      this.#dropped -= first.length;
      this.#spent.push(first);
      this.#chunks.shift();
    }
    if (this.#chunks.length === 0) this.#slab = undefined;
  }

  #gather(chunk: Uint8Array): void {
    if (this.#slab === undefined || this.#slab.filled + chunk.length > slabBytes) {
      this.#slab = { memory: Buffer.allocUnsafeSlow(slabBytes), filled: 0 };
      this.#chunks.push(this.#slab.memory.subarray(0, 0));
    }
    this.#slab.memory.set(chunk, this.#slab.filled);
    this.#slab.filled += chunk.length;
    this.#chunks[this.#chunks.length - 1] = this.#slab.memory.subarray(0, this.#slab.filled);
  }
}

/** Not what Node.js shares among small buffers: of that no single one takes half. */
function giveBack({ buffer, length }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && length * 2 > buffer.byteLength) buffer.transfer(0);
}
