import { isIPv6 } from "node:net";

const httpTarget = /^http:\/\/([^/?@]+)([/?].*)?$/i;
const httpsTarget = /^https:\/\/([^/?@]+)([/?].*)?$/i;

/** A request target reduced to a path. */
export interface PathTarget {
  readonly path: string;
  /** Of an absolute-form target. */
  readonly authority?: string | undefined;
}

/**
 * RFC 9112 §3.2: origin-form as it is, absolute-form as its path and authority, `*` for OPTIONS only.
 *
 * @param secure  Whether it came over TLS: the scheme of an absolute-form target has to say the same, or the
 *   request would be one thing to us and another to whoever reads its target. RFC 9110 §7.4.
 * @returns `undefined` for anything else.
 */
export function pathOf(target: string, method: string, secure: boolean): PathTarget | undefined {
  if (target.charCodeAt(0) === 0x2f) return { path: target };
  if (target === "*") return method === "OPTIONS" ? { path: target } : undefined;
  const absolute = (secure ? httpsTarget : httpTarget).exec(target);
  const authority = absolute?.[1];
  // RFC 9110 §4.2.1: a URI without a name in it is refused.
  if (authority === undefined || authority.startsWith(":") || !isHost(authority)) return undefined;
  // RFC 9112 §3.2.4: OPTIONS without a path asks about the server.
  const rest = absolute?.[2] ?? (method === "OPTIONS" ? "*" : "/");
  return { path: rest.startsWith("?") ? `/${rest}` : rest, authority };
}

const hostPattern =
  /^(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*|\[([0-9A-Fa-f:.]+)\])(?::(\d{0,5}))?$/;

/** The newest that was one: clients ask for the same again and again, and comparing is cheaper than matching. */
let lastHost = "";

/** Whether `value` is a Host field: a name, an address or nothing, and perhaps a port. RFC 9110 §7.2. */
export function isHost(value: string): boolean {
  if (value === lastHost) return true;
  const parts = hostPattern.exec(value);
  if (parts === null) return false;
  const [, address, port = ""] = parts;
  if ((address !== undefined && !isIPv6(address)) || Number(port) > 65_535) return false;
  lastHost = value;
  return true;
}
