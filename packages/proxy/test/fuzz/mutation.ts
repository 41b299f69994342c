import { fieldLines, pieces } from "./corpus.ts";
import type { Random } from "./random.ts";

type Mutation = (text: string, random: Random, all: readonly string[]) => string;

/** One of `all`, changed in up to four places. */
export function mutated(all: readonly string[], random: Random): string {
  let text = random.pick(all);
  for (let times = random.int(5); times > 0; times -= 1) {
    text = random.pick(mutations)(text, random, all);
  }
  if (random.chance(64)) text = withPadding(text, random);
  return text;
}

const mutations: readonly Mutation[] = [
  function otherByte(text, random) {
    const at = random.int(text.length);
    return text.slice(0, at) + String.fromCharCode(random.int(256)) + text.slice(at + 1);
  },
  function insertedPiece(text, random) {
    const at = random.int(text.length + 1);
    return text.slice(0, at) + random.pick(pieces) + text.slice(at);
  },
  function insertedField(text, random) {
    const at = lineStart(text, random);
    return `${text.slice(0, at)}${random.pick(fieldLines)}\r\n${text.slice(at)}`;
  },
  // Twice as often as the others: fields are what messages are misread by.
  function insertedFieldAgain(text, random) {
    const at = text.indexOf("\r\n") + 2;
    return `${text.slice(0, at)}${random.pick(fieldLines)}\r\n${text.slice(at)}`;
  },
  function cut(text, random) {
    const at = random.int(text.length + 1);
    return text.slice(0, at) + text.slice(at + 1 + random.int(4));
  },
  function cutOff(text, random) {
    return random.chance(4) ? text.slice(0, random.int(text.length + 1)) : text;
  },
  function repeatedLine(text, random) {
    const at = lineStart(text, random);
    const end = text.indexOf("\r\n", at);
    return end === -1 ? text : text.slice(0, end + 2) + text.slice(at);
  },
  function removedLine(text, random) {
    const at = lineStart(text, random);
    const end = text.indexOf("\r\n", at);
    return end === -1 ? text : text.slice(0, at) + text.slice(end + 2);
  },
  function otherLineEnd(text, random) {
    const at = text.indexOf("\r\n", random.int(text.length + 1));
    const end = random.pick(["\n", "\r", "\r\r\n", "\n\r\n", " \r\n", "\t\r\n", "\r\n\r\n", ""]);
    return at === -1 ? text : text.slice(0, at) + end + text.slice(at + 2);
  },
  function otherCase(text, random) {
    const at = random.int(text.length + 1);
    const end = at + 1 + random.int(16);
    const part = text.slice(at, end);
    const lower = part.toLowerCase();
    return text.slice(0, at) + (lower === part ? part.toUpperCase() : lower) + text.slice(end);
  },
  function otherDigit(text, random) {
    const found = /\d/g;
    found.lastIndex = random.int(text.length + 1);
    const at = found.exec(text)?.index;
    if (at === undefined) return text;
    return text.slice(0, at) + "0123456789aF ".charAt(random.int(13)) + text.slice(at + 1);
  },
  function otherTail(text, random, all) {
    const at = lineStart(text, random);
    const other = random.pick(all);
    return text.slice(0, at) + other.slice(lineStart(other, random));
  },
];

function lineStart(text: string, random: Random): number {
  const at = text.indexOf("\r\n", random.int(text.length + 1));
  return at === -1 ? text.indexOf("\r\n") + 2 : at + 2;
}

/** Long enough to be cut beyond 256 bytes. */
function withPadding(text: string, random: Random): string {
  const at = text.indexOf("\r\n") + 2;
  return `${text.slice(0, at)}X-Padding: ${"x".repeat(256 + random.int(512))}\r\n${text.slice(at)}`;
}
