import { BlockList, isIP } from "node:net";

/**
 * Proxies in front of this one whose X-Forwarded-* fields are believed: anybody else may write there what
 * they like.
 */
export class TrustedProxies {
  readonly #networks = new BlockList();

  /**
   * @param networks  Addresses, and networks such as `10.0.0.0/8`.
   * @throws RangeError that names the network that is none.
   */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network);
  }

  /** Whether what comes from this address is believed. */
  trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#networks.check(address, family === 6 ? "ipv6" : "ipv4");
  }

  /**
   * The client's address: from the right of X-Forwarded-For, which the nearest proxy wrote, the first that is
   * not a trusted proxy's. When all are, the leftmost; where something is no address, the last that was one.
   *
   * @param peer  Who connected to us; a trusted proxy.
   * @param chain  X-Forwarded-For as received.
   */
  clientOf(peer: string, chain: string): string {
    let client = peer;
    for (let end = chain.length; end > 0 && this.trusts(client);) {
      const comma = chain.lastIndexOf(",", end - 1);
      const address = addressIn(chain.slice(comma + 1, end).trim());
      if (address === undefined) break;
      client = address;
      end = comma;
    }
    return client;
  }

  #add(network: string): void {
    const [address = "", prefix, ...more] = network.split("/");
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (family === 0 || more.length > 0 || bits < 0 || bits > most) {
      throw new RangeError(
        `trustedProxies must hold addresses and networks such as 10.0.0.0/8, got ${JSON.stringify(network)}`,
      );
    }
    this.#networks.addSubnet(address, bits, family === 6 ? "ipv6" : "ipv4");
  }
}

/** An address, perhaps with a port as some proxies write it. */
function addressIn(text: string): string | undefined {
  if (isIP(text) !== 0) return text;
  const bare =
    /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1];
  return bare !== undefined && isIP(bare) !== 0 ? bare : undefined;
}
