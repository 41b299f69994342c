import { isIP } from "node:net";

import { isHost } from "../http1/request-target.ts";
import { withoutMappedPrefix } from "./address.ts";

/** What one proxy says of the request that it received; what it does not say is empty. */
export interface ForwardedElement {
  /** Who asked it, without brackets; empty also where it hides that, or does not know. */
  readonly address: string;
  readonly host: string;
  /** In lower case. */
  readonly proto: string;
}

/** `name=token` or `name="quoted"`. RFC 9110 §5.6: obs-text is part of a quoted string. */
const pairPattern =
  /([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)")/y;

/** The end of a pair; spaces before a semicolon are not in RFC 7239, but leave no doubt. */
const separatorPattern = /[ \t]*([,;]|$)[ \t]*/y;

/** Node: an address, `unknown` or an obfuscated name, perhaps with a port of either kind. RFC 7239 §6. */
const nodePattern = /^(?:([\d.]+|\[[\dA-Fa-f:.]+\])|unknown|_[\w.-]+)(?::(?:\d{1,5}|_[\w.-]+))?$/i;
const schemePattern = /^[A-Za-z][A-Za-z0-9+.-]*$/;

/**
 * Reads Forwarded, its fields joined: one element for each proxy, the nearest last.
 *
 * @returns `undefined` when any of it is not as it should be: half of it could mean anything.
 * @see RFC 7239 §4
 */
export function forwardedElements(text: string): readonly ForwardedElement[] | undefined {
  const elements: ForwardedElement[] = [];
  let pairs = new Map<string, string>();
  let at = 0;
  for (;;) {
    pairPattern.lastIndex = at;
    const [pair = "", name = "", token, quoted = ""] = pairPattern.exec(text) ?? [];
    if (pair !== "") {
      const key = name.toLowerCase();
      if (pairs.has(key)) return undefined;
      pairs.set(key, token ?? quoted.replaceAll(/\\(.)/g, "$1"));
      at += pair.length;
    }
    separatorPattern.lastIndex = at;
    const [separator, kind] = separatorPattern.exec(text) ?? [];
    if (separator === undefined) return undefined;
    at += separator.length;
    if (kind === ";") continue;
    if (pairs.size > 0) {
      const element = elementOf(pairs);
      if (element === undefined) return undefined;
      elements.push(element);
      pairs = new Map();
    }
    if (kind === "") return elements;
  }
}

function elementOf(pairs: ReadonlyMap<string, string>): ForwardedElement | undefined {
  const [by, from] = [pairs.get("by"), pairs.get("for")];
  const [host = "", proto] = [pairs.get("host"), pairs.get("proto")];
  if (by !== undefined && nodeAddress(by) === undefined) return undefined;
  const address = from === undefined ? "" : nodeAddress(from);
  if (address === undefined || !isHost(host)) return undefined;
  if (proto !== undefined && !schemePattern.test(proto)) return undefined;
  return { address, host, proto: proto?.toLowerCase() ?? "" };
}

/** @returns an empty text for a node without an address; `undefined` for what is no node. */
function nodeAddress(node: string): string | undefined {
  const match = nodePattern.exec(node);
  if (match === null) return undefined;
  const [, address] = match;
  if (address === undefined) return "";
  const isBracketed = address.startsWith("[");
  const bare = isBracketed ? address.slice(1, -1) : address;
  return isIP(bare) === (isBracketed ? 6 : 4) ? withoutMappedPrefix(bare) : undefined;
}
