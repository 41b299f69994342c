/** Bytes that are no protobuf message, or break off within one. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

const none = Buffer.alloc(0);

/**
 * A field of a varint type; nothing for zero, which is what proto3 leaves out. Negative numbers are written as
 * their two's complement of 64 bits.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function varintField(field: number, value: number | bigint | boolean): Buffer {
  const number = BigInt(value);
  return number === 0n ? none : Buffer.from([...varint(field * 8), ...varint(number)]);
}

/** A field of type `bytes`, `string` or of a message; nothing when it is empty. */
export function bytesField(field: number, value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  return bytes.length === 0 ? none : messageField(field, bytes);
}

/** A field that is there even when it is empty: in a `oneof` or a list it means something then too. */
export function messageField(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(bytes.length)]), bytes]);
}

/** A message of its fields. */
export function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/**
 * Walks over a message: `next()` moves to a field, one of the others takes its value. What is not taken is
 * skipped, so unknown fields do no harm.
 *
 * @throws {@link MalformedMessage} from every method.
 */
export class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;
  #type = 0;
  #taken = true;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The number of the next field, 0 at the end. */
  next(): number {
    if (!this.#taken) this.#skip();
    if (this.#at >= this.#bytes.length) return 0;
    const tag = this.#number();
    this.#type = tag % 8;
    this.#taken = false;
    const field = Math.floor(tag / 8);
    if (field === 0) throw new MalformedMessage("field number 0");
    return field;
  }

  /** A number that is known to be small: a revision, a count, a flag. */
  number(): number {
    this.#take(0);
    return this.#number();
  }

  bool(): boolean {
    return this.number() !== 0;
  }

  /** An `int64` in full. */
  int64(): bigint {
    this.#take(0);
    return BigInt.asIntN(64, this.#wide());
  }

  /** A `uint64` in full. */
  uint64(): bigint {
    this.#take(0);
    return this.#wide();
  }

  /** A view of the field's bytes, not a copy. */
  bytes(): Buffer {
    this.#take(2);
    return this.#slice(this.#number());
  }

  string(): string {
    return this.bytes().toString("utf8");
  }

  #take(type: number): void {
    if (this.#type !== type) throw new MalformedMessage(`wire type ${this.#type}, not ${type}`);
    this.#taken = true;
  }

  #skip(): void {
    this.#taken = true;
    if (this.#type === 0) this.#wide();
    else if (this.#type === 1) this.#slice(8);
    else if (this.#type === 2) this.#slice(this.#number());
    else if (this.#type === 5) this.#slice(4);
    else throw new MalformedMessage(`wire type ${this.#type}`);
  }

  #slice(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedMessage("a field is longer than its message");
    const slice = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return slice;
  }

  #number(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 8; count += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      factor *= 128;
    }
    throw new MalformedMessage("a number beyond 2⁵³");
  }

  #wide(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedMessage("a number of more than 64 bits");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new MalformedMessage("a message breaks off");
    this.#at += 1;
    return byte;
  }
}
