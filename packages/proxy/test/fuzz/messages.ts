import fc from "fast-check";

/** A message as it is meant, before anything is made of it. */
export interface Message {
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Chunks, or the one body of a message with a length; none: no body. */
  readonly body: readonly string[];
  readonly framing: "none" | "length" | "chunked";
  readonly extensions: readonly string[];
  readonly trailers: readonly (readonly [name: string, value: string])[];
}

export interface RequestMessage extends Message {
  readonly method: string;
  readonly target: string;
  readonly host: string;
}

export interface ResponseMessage extends Message {
  readonly status: number;
  readonly reason: string;
}

/** One of these characters at a time. */
function oneOf(characters: string): fc.Arbitrary<string> {
  return fc.constantFrom(...characters.split(""));
}

const token = fc.string({ unit: oneOf("!#$%&'*+-.^_`|~09azAZ"), minLength: 1, maxLength: 12 });

/** Names that mean nothing to a proxy. */
const name = token.map((end) => `X-${end.replaceAll("_", "-")}-t`);
const visible = fc.integer({ min: 0x21, max: 0xff }).filter((byte) => byte !== 0x7f);
const value = fc
  .array(fc.oneof(visible, fc.constantFrom(0x20, 0x09)), { maxLength: 24 })
  .map((bytes) => String.fromCharCode(...bytes).replace(/^[ \t]+|[ \t]+$/g, ""));
const fields = fc.array(fc.tuple(name, value), { maxLength: 6 });
const text = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
const body = text.map((one) => Buffer.from(one, "utf8").toString("latin1"));
const quoted = fc
  .string({ unit: fc.constantFrom('\\"', "\\\\", " ", "\t", ";", "=", "0", "\xe9"), maxLength: 6 })
  .map((inside) => `"${inside}"`);
const extension = fc
  .tuple(token, fc.option(fc.oneof(token, quoted)))
  .map(([one, set]) => (set === null ? `;${one}` : `;${one}=${set}`));

const content = fc.oneof(
  fc.record({
    framing: fc.constant("none" as const),
    body: fc.constant([]),
    extensions: fc.constant([]),
    trailers: fc.constant([]),
  }),
  fc.record({
    framing: fc.constant("length" as const),
    body: fc.array(body, { maxLength: 1 }),
    extensions: fc.constant([]),
    trailers: fc.constant([]),
  }),
  fc.record({
    framing: fc.constant("chunked" as const),
    body: fc.array(body, { maxLength: 4 }),
    extensions: fc.array(
      fc.array(extension, { maxLength: 2 }).map((all) => all.join("")),
      {
        maxLength: 5,
      },
    ),
    trailers: fields,
  }),
);

/** Requests of any method, with and without bodies. */
export const requestMessages: fc.Arbitrary<RequestMessage> = fc
  .tuple(
    fc.record({
      method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"),
      target: fc
        .string({ unit: oneOf("/?&=%.;,~*'(){}|\\^\"<>`@:a0"), maxLength: 20 })
        .map((rest) => `/${rest}`),
      host: fc.constantFrom("a", "shop.example:8080", "[::1]", "10.0.0.1:1"),
      fields,
    }),
    content,
  )
  .map(([head, rest]) => ({ ...head, ...rest }));

/** Final answers. */
export const responseMessages: fc.Arbitrary<ResponseMessage> = fc
  .tuple(
    fc.record({
      status: fc.constantFrom(200, 201, 206, 301, 404, 500, 599),
      reason: value.map((one) => one.trim()),
      fields,
    }),
    content.filter(({ framing }) => framing !== "none"),
  )
  .map(([head, rest]) => ({ ...head, ...rest }));

/** The bytes of a request, latin1. */
export function requestBytes(message: RequestMessage): string {
  const { method, target, host } = message;
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${rest(message)}`;
}

/** The bytes of an answer, latin1. */
export function responseBytes(message: ResponseMessage): string {
  return `HTTP/1.1 ${message.status} ${message.reason}\r\n${rest(message)}`;
}

function lines(all: readonly (readonly [string, string])[]): string {
  return all.map(([one, set]) => `${one}: ${set}\r\n`).join("");
}

function rest(message: Message): string {
  const { framing, extensions, trailers } = message;
  const all = message.body.join("");
  if (framing === "none") return `${lines(message.fields)}\r\n`;
  if (framing === "length")
    return `${lines(message.fields)}Content-Length: ${all.length}\r\n\r\n${all}`;
  const chunks = message.body.map(
    (one, at) => `${one.length.toString(16)}${extensions[at] ?? ""}\r\n${one}\r\n`,
  );
  const end = `0${extensions[message.body.length] ?? ""}\r\n${lines(trailers)}\r\n`;
  return `${lines(message.fields)}Transfer-Encoding: chunked\r\n\r\n${chunks.join("")}${end}`;
}

/** Cuts `bytes` at these shares of their length. */
export function pieces(bytes: string, cuts: readonly number[]): readonly Buffer[] {
  const all = Buffer.from(bytes, "latin1");
  const ends = cuts
    .map((cut) => Math.floor(cut * all.length))
    .toSorted((one, other) => one - other);
  return [...ends, all.length]
    .map((end, at) => all.subarray(at === 0 ? 0 : ends[at - 1], end))
    .filter(({ length }) => length > 0);
}
