import { createHash } from "node:crypto";

import { isRoutable, type ServiceNode } from "@rollcall/core";

import type { Codec, DecodedNode, EncodedRecord, RecordPlace } from "../codec.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { locatePlain, plainPrefix } from "./plain-key.ts";

/**
 * go-zero: `<Key>/<lease id, or a number of the process's own>` holds `host:port`. The service is the `Key`.
 *
 * A node's id is its address, because the number changes with every start.
 */
export const goZeroCodec: Codec = Object.freeze({
  name: "go-zero",
  prefix: "",
  keeps: Object.freeze(["service", "host", "port"] as const),
  servicePrefix: plainPrefix,
  locate: locatePlain,
  decode: (value: string, { service }: RecordPlace): DecodedNode => ({
    ...parseAddress(value, "the value"),
    service,
  }),
  encode(node: ServiceNode): EncodedRecord {
    const address = formatAddress(node);
    const key = `${plainPrefix(node.service)}${numberOf(address)}`;
    return { key, value: isRoutable(node) ? address : undefined };
  },
});

/** The `ID` go-zero lets a process choose: an int64 above 0, here the same for an address after each start. */
function numberOf(address: string): bigint {
  const hash = createHash("sha256").update(address).digest().readBigUInt64BE();
  return BigInt.asUintN(62, hash) + 1n;
}
