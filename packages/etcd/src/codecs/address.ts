import { isIPv6 } from "node:net";

import { RecordError } from "../codec.ts";

/** A host, IPv6 without brackets, and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** @throws RecordError when it is not `host:port`. What a host is, is checked with the node. */
export function parseAddress(text: unknown, field: string): Address {
  const match = typeof text === "string" && /^(?:\[([^\]]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  if (!match) throw new RecordError(`${field} must be host:port`);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}
