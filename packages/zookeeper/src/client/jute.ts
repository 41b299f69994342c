/**
 * Reads values of ZooKeeper's serialization, jute: big-endian numbers, and texts, byte arrays and vectors behind
 * their length.
 *
 * @throws RangeError from any method when the bytes end too early or a length cannot be true.
 */
export class JuteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int(): number {
    const value = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  long(): bigint {
    const value = this.#bytes.readBigInt64BE(this.#at);
    this.#at += 8;
    return value;
  }

  bool(): boolean {
    const value = this.#bytes.readUInt8(this.#at);
    this.#at += 1;
    return value !== 0;
  }

  /** A copy of the bytes; a null array, of length −1, is empty. */
  bytes(): Buffer {
    return Buffer.from(this.#take());
  }

  text(): string {
    return this.#take().toString("utf8");
  }

  /** A vector of texts. */
  texts(): string[] {
    const count = this.int();
    // Each takes at least its own length, so a false count cannot make us allocate much.
    if (count > this.left / 4) throw new RangeError("a vector is longer than its frame");
    return Array.from({ length: Math.max(0, count) }, () => this.text());
  }

  skip(count: number): void {
    if (count > this.left) throw new RangeError("the frame ends too early");
    this.#at += count;
  }

  #take(): Buffer {
    const length = Math.max(0, this.int());
    if (length > this.left) throw new RangeError("a value is longer than its frame");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/** Writes one frame: its length, then whatever is written. */
export class JuteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256);
  #at = 4;

  int(value: number): this {
    this.#grow(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
    return this;
  }

  long(value: bigint): this {
    this.#grow(8);
    this.#at = this.#bytes.writeBigInt64BE(value, this.#at);
    return this;
  }

  bool(value: boolean): this {
    this.#grow(1);
    this.#at = this.#bytes.writeUInt8(value ? 1 : 0, this.#at);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.int(value.length);
    this.#grow(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, "utf8"));
  }

  /** The finished frame. */
  frame(): Buffer {
    this.#bytes.writeInt32BE(this.#at - 4, 0);
    return this.#bytes.subarray(0, this.#at);
  }

  #grow(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}
