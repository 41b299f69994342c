import { BlockList, isIP } from "node:net";

import * as z from "zod";

const bound = "must be an IP address or a network such as 10.0.0.0/8";

/** A list of addresses and networks. */
export const networks: z.ZodType<readonly string[]> = z.array(
  z.string(bound).refine(isNetwork, bound),
  "must be a list of IP addresses and networks",
);

function isNetwork(value: string): boolean {
  const [host = "", prefix, ...more] = value.split("/");
  const family = isIP(host);
  if (family === 0 || more.length > 0) return false;
  if (prefix === undefined) return true;
  if (!/^[0-9]{1,3}$/.test(prefix)) return false;
  try {
    new BlockList().addSubnet(host, Number(prefix), family === 4 ? "ipv4" : "ipv6");
    return true;
  } catch {
    return false;
  }
}
