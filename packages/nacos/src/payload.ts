/** A message of Nacos' gRPC services: a type name, headers, and JSON. */
export interface Payload {
  /** Simple class name of the body: `InstanceRequest`. */
  readonly type: string;
  /** Credentials and the like; only ever sent. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** JSON text. */
  readonly body: string;
}

/** A payload as it came. */
export interface ReceivedPayload {
  readonly type: string;
  /** JSON, as UTF-8. */
  readonly body: Buffer;
}

/** Bytes that are no payload; the message is fit for an error's reason. */
export class PayloadError extends Error {
  override readonly name = "PayloadError";
}

// nacos_grpc_service.proto: Payload { Metadata metadata = 2; google.protobuf.Any body = 3 },
// Metadata { string type = 3; map<string, string> headers = 7 }, Any { bytes value = 2 }.
const metadataField = 2;
const bodyField = 3;
const typeField = 3;
const headersField = 7;
const valueField = 2;

/** The protobuf form of a payload. */
export function encodePayload({ type, headers = {}, body }: Payload): Buffer {
  const metadata = [delimited(typeField, Buffer.from(type, "utf8"))];
  for (const [key, value] of Object.entries(headers)) {
    const entry = [
      delimited(1, Buffer.from(key, "utf8")),
      delimited(2, Buffer.from(value, "utf8")),
    ];
    metadata.push(delimited(headersField, Buffer.concat(entry)));
  }
  return Buffer.concat([
    delimited(metadataField, Buffer.concat(metadata)),
    delimited(bodyField, delimited(valueField, Buffer.from(body, "utf8"))),
  ]);
}

/**
 * Reads the protobuf form; fields that mean nothing to us are skipped.
 *
 * @throws {@link PayloadError}
 */
export function decodePayload(bytes: Buffer): ReceivedPayload {
  let type = "";
  let body: Buffer = Buffer.alloc(0);
  for (const [field, value] of fieldsOf(bytes)) {
    if (field === metadataField) {
      for (const [inner, one] of fieldsOf(value)) {
        if (inner === typeField) type = one.toString("utf8");
      }
    } else if (field === bodyField) {
      for (const [inner, one] of fieldsOf(value)) {
        if (inner === valueField) body = one;
      }
    }
  }
  if (type === "") throw new PayloadError("the message has no type");
  return { type, body };
}

/** The length-delimited fields of a message; the others are skipped. */
function* fieldsOf(bytes: Buffer): Generator<readonly [field: number, value: Buffer]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) throw new PayloadError("the message breaks off");
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new PayloadError("the message has a number of more than 64 bits");
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      case 2: {
        const length = varint();
        if (length > bytes.length - at) throw new PayloadError("the message breaks off");
        yield [field, bytes.subarray(at, at + length)];
        at += length;
        break;
      }
      default:
        throw new PayloadError("the message is not protobuf");
    }
  }
}

function delimited(field: number, value: Buffer): Buffer {
  return Buffer.concat([varintOf(field * 8 + 2), varintOf(value.length), value]);
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
