/*
 * A path has two forms here. The raw form is what came over the wire. The text form is decoded once
 * and is what routes and patterns see; a byte that must stay encoded (part of no UTF-8 character, or a
 * slash that is data) stands in it as the lone surrogate U+DC00 + byte, so that encoding is exact.
 */

/** A request target, taken apart. */
export interface ParsedTarget {
  /** Text form, normalised: no `.` or `..` segments, no empty segments but a last one. */
  readonly path: string;
  /** As received, without `?`; `undefined` when there was none. */
  readonly query: string | undefined;
  /** What to send when nothing rewrites it; `undefined`: the received target, byte for byte. */
  readonly forward: string | undefined;
}

/** A target that has no one meaning. */
export interface BadTarget {
  /** Why, in a few words that repeat nothing of the target. */
  readonly refused: string;
}

const [slash, dot, question] = [0x2f, 0x2e, 0x3f] as const;

/** Characters that stand for themselves in a path, whoever reads it: 1 for those. */
const plain: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9._~!$&'()*+,=:@/-]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/**
 * Takes a request target apart for routing.
 *
 * What an upstream sees must mean what was matched. So a target with dot segments is forwarded in its
 * normalised form, leading slashes are reduced to one (`//host` reads as an authority to some), and a
 * target that servers read in different ways is refused: malformed escapes, NUL, `\`, `#`, `..` above
 * the root, and dot segments hidden behind an encoded separator or path parameters (`..%2f`, `..%5c`,
 * `..;`). Everything else goes on byte for byte.
 */
export function parseTarget(target: string): ParsedTarget | BadTarget {
  const end = plainPathEnd(target);
  if (end === target.length) return { path: target, query: undefined, forward: undefined };
  if (end > 0 && !target.includes("#", end)) {
    return { path: target.slice(0, end), query: target.slice(end + 1), forward: undefined };
  }
  return parseUnusual(target);
}

/**
 * Where the path of a target ends, if it has no escapes, no parameters and nothing else to normalise, as nearly
 * all; else -1. By hand, for this is asked with every request, and a pattern costs ten times as much.
 */
function plainPathEnd(target: string): number {
  if (target.charCodeAt(0) !== slash) return -1;
  let before: number = slash;
  for (let at = 1; at < target.length; at += 1) {
    const code = target.charCodeAt(at);
    if (code === question) return at;
    if (plain[code] !== 1 || (before === slash && (code === slash || code === dot))) return -1;
    before = code;
  }
  return target.length;
}

function parseUnusual(target: string): ParsedTarget | BadTarget {
  const received = originForm(target);
  if (received === undefined) return { refused: "the request target is not a path" };
  const question = received.indexOf("?");
  const rawPath = question < 0 ? received : received.slice(0, question);
  const query = question < 0 ? undefined : received.slice(question + 1);
  const reduced = received === target ? undefined : received;
  if (received.includes("#")) return { refused: "the request target has a fragment" };
  const kept: { raw: string; text: string }[] = [];
  const segments = rawPath.slice(1).split("/");
  let dots = false;
  for (const [index, raw] of segments.entries()) {
    const last = index === segments.length - 1;
    const text = decodeSegment(raw);
    if (text === undefined) return { refused: "the path has a malformed escape or character" };
    if (text === "." || text === "..") {
      dots = true;
      if (text === ".." && kept.pop() === undefined) {
        return { refused: "the path climbs above its root" };
      }
      if (last) kept.push({ raw: "", text: "" });
    } else if (hidesDots(text)) {
      return { refused: "the path hides a dot segment" };
    } else if (text !== "" || last) {
      kept.push({ raw, text });
    }
  }
  const suffix = query === undefined ? "" : `?${query}`;
  let forward = reduced;
  if (dots) forward = `/${kept.map(({ raw }) => raw).join("/")}${suffix}`;
  else if (rawPath.startsWith("//")) forward = rawPath.replace(/^\/+/, "/") + suffix;
  return { path: `/${kept.map(({ text }) => text).join("/")}`, query, forward };
}

/** The raw form of a text: everything but unreserved characters, sub-delims, `:`, `@`, `/` escaped. */
export function encodePath(text: string): string {
  return encode(text, /[^A-Za-z0-9._~!$&'()*+,;=:@/-]/gu);
}

/** The raw form of a text within a query's name or value. */
export function encodeQueryPart(text: string): string {
  return encode(text, /[^A-Za-z0-9._~-]/gu);
}

/** Escapes what a request target cannot hold at all, and leaves the rest, escapes included. */
export function encodeUnsafe(text: string): string {
  return encode(text, /[^\u0021\u0024-\u007e]/gu);
}

function encode(text: string, unsafe: RegExp): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc00 && code <= 0xdcff) return escapeByte(code - 0xdc00);
    return [...Buffer.from(character, "utf8")].map(escapeByte).join("");
  });
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** RFC 9112 section 3.2.2: a server accepts the absolute form too; its authority is the engine's. */
function originForm(target: string): string | undefined {
  if (target.startsWith("/")) return target;
  const absolute = /^https?:\/\/[^/?#\\]+(.*)$/is.exec(target);
  if (absolute === null) return undefined;
  const rest = absolute[1]!;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** `a/..` after one more decoding, and `..;x`, which servlet containers read as `..`. */
function hidesDots(text: string): boolean {
  if (!text.includes(".")) return false;
  return text.split(/[\udc2f\\]/).some((part) => /^\.{1,2}(?:;|$)/.test(part));
}

function decodeSegment(raw: string): string | undefined {
  if (/^[A-Za-z0-9._~!$&'()*+,;=:@-]*$/.test(raw)) return raw;
  const bytes: number[] = [];
  let text = "";
  for (let index = 0; index < raw.length; index++) {
    const code = raw.charCodeAt(index);
    // The wire has bytes; a backslash is no URI character, and some servers take it for a slash.
    if (code <= 0x20 || code === 0x7f || code > 0xff || code === 0x5c) return undefined;
    if (code !== 0x25) {
      bytes.push(code);
      continue;
    }
    const digits = raw.slice(index + 1, index + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) return undefined;
    const byte = Number.parseInt(digits, 16);
    if (byte === 0) return undefined;
    index += 2;
    if (byte === 0x2f) {
      text += decodeBytes(bytes.splice(0)) + String.fromCharCode(0xdc2f);
    } else {
      bytes.push(byte);
    }
  }
  return text + decodeBytes(bytes);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeBytes(bytes: readonly number[]): string {
  const all = Uint8Array.from(bytes);
  const whole = decodeExactly(all);
  if (whole !== undefined) return whole;
  let text = "";
  for (let index = 0; index < all.length;) {
    const lead = all[index]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const character = decodeExactly(all.subarray(index, index + length));
    text += character ?? String.fromCharCode(0xdc00 + lead);
    index += character === undefined ? 1 : length;
  }
  return text;
}

function decodeExactly(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // Fatal mode's only error: not UTF-8.
    return undefined;
  }
}
