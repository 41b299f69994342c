import { BlockList, isIP } from "node:net";

import type { ProxySettings } from "../contract.ts";

type TrustedFields = NonNullable<ProxySettings["trustedFields"]>;

const trustedFields: readonly TrustedFields[] = ["either", "x-forwarded", "forwarded"];

/** Proxies in front of this one that are believed: anybody else may write what they like. */
export class TrustedProxies {
  readonly #networks = new BlockList();
  /** By which fields they speak. */
  readonly fields: TrustedFields;

  /**
   * @param networks  Addresses, and networks such as `10.0.0.0/8`.
   * @throws RangeError that names the network that is none, or the fields that are not known.
   */
  constructor(networks: readonly string[], fields: TrustedFields = "either") {
    if (!trustedFields.includes(fields)) {
      throw new RangeError(
        `trustedFields must be one of ${trustedFields.join(", ")}, got ${JSON.stringify(fields)}`,
      );
    }
    this.fields = fields;
    for (const network of networks) this.#add(network);
  }

  /** Whether what comes from this address is believed. */
  trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#networks.check(address, family === 6 ? "ipv6" : "ipv4");
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
