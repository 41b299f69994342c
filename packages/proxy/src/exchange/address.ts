import { isIP } from "node:net";

/** An IPv4 address that an IPv6 socket tells as its own kind of address, as what it is; others as they are. */
export function withoutMappedPrefix(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** An address, perhaps with a port as some proxies write it; `undefined`: it is none. */
export function addressIn(text: string): string | undefined {
  if (isIP(text) !== 0) return withoutMappedPrefix(text);
  const bare =
    /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1];
  return bare !== undefined && isIP(bare) !== 0 ? withoutMappedPrefix(bare) : undefined;
}
