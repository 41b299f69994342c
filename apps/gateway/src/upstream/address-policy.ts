import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

import type { ServiceNode } from "@rollcall/core";

/** An address the gateway itself listens on. */
export interface OwnListener {
  readonly host: string;
  readonly port: number;
}

/** Which nodes may be connected to. */
export interface AddressPolicy {
  /** By address, or by name as far as a name alone tells; to be asked again with what it resolves to. */
  allows(node: Pick<ServiceNode, "host" | "port">): boolean;
}

/**
 * Networks that no service lives in, and that whoever can write to a registry would like us to reach:
 * link-local (cloud metadata services), multicast, unspecified and broadcast addresses.
 */
export const deniedNetworks: readonly string[] = [
  "0.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "255.255.255.255/32",
  "::/128",
  "fe80::/10",
  "ff00::/8",
  // The same metadata address behind NAT64 (RFC 6052).
  "64:ff9b::a9fe:0/112",
];

/**
 * Builds the policy: `deny` goes before `allow`, `allow` before {@link deniedNetworks}; the gateway's
 * own listeners are denied always.
 */
export function addressPolicy(
  rules: { readonly allow: readonly string[]; readonly deny: readonly string[] },
  own: readonly OwnListener[],
): AddressPolicy {
  const allowed = blockList(rules.allow);
  const denied = blockList(rules.deny);
  const deniedByDefault = blockList(deniedNetworks);
  const ports = new Map<number, ReadonlySet<string>>();
  for (const { host, port } of own) {
    ports.set(port, new Set([...(ports.get(port) ?? []), ...reachedAt(host)]));
  }
  const allowsAddress = (address: string): boolean => {
    const type = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (denied.check(address, type)) return false;
    return allowed.check(address, type) || !deniedByDefault.check(address, type);
  };
  return {
    allows({ host, port }) {
      const name = host.toLowerCase().replace(/\.$/, "");
      if (ports.get(port)?.has(unmapped(name)) === true) return false;
      return isIP(name) === 0 || allowsAddress(name);
    },
  };
}

/**
 * The nodes that `policy` allows: the same array for the same array, and `nodes` itself when all pass,
 * so that balancers see by identity that nothing changed.
 */
export function allowedNodes(
  policy: AddressPolicy,
): (nodes: readonly ServiceNode[]) => readonly ServiceNode[] {
  let last: readonly ServiceNode[] | undefined;
  let result: readonly ServiceNode[] = [];
  return (nodes) => {
    if (nodes === last) return result;
    const passing = nodes.filter((node) => policy.allows(node));
    last = nodes;
    result = passing.length === nodes.length ? nodes : passing;
    return result;
  };
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    const type = isIP(address) === 6 ? "ipv6" : "ipv4";
    list.addSubnet(address, Number(prefix ?? (type === "ipv6" ? 128 : 32)), type);
  }
  return list;
}

/** Every address under which a listener on this machine can be reached. */
function reachedAt(host: string): readonly string[] {
  const name = unmapped(host.toLowerCase());
  if (name !== "0.0.0.0" && name !== "::" && name !== "localhost") return [name];
  const local = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address.toLowerCase()),
  );
  return name === "localhost"
    ? ["localhost", "127.0.0.1", "::1"]
    : ["localhost", "127.0.0.1", "::1", ...local];
}

/** `::ffff:127.0.0.1` is 127.0.0.1. */
function unmapped(address: string): string {
  const dotted = /^::ffff:([0-9.]+)$/.exec(address)?.[1];
  if (dotted !== undefined) return dotted;
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (hex === null) return address;
  const [high, low] = [Number.parseInt(hex[1]!, 16), Number.parseInt(hex[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
