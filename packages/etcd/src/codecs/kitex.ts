import { isRoutable, type ServiceNode } from "@rollcall/core";

import {
  type Codec,
  type DecodedNode,
  type EncodedRecord,
  RecordError,
  type RecordPlace,
} from "../codec.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { fromFlat, toFlat } from "./flat-metadata.ts";
import { optional, parseObject, texts } from "./json-record.ts";
import { locatePlain, plainPrefix } from "./plain-key.ts";

/** What Kitex makes of a weight that is 0, negative or missing. */
const kitexWeight = 10;

/**
 * CloudWeGo Kitex: `kitex/registry-etcd/<service>/<ip:port>` holds `{ network, address, weight, tags }`.
 */
export const kitexCodec: Codec = Object.freeze({
  name: "kitex",
  prefix: "kitex/registry-etcd/",
  keeps: Object.freeze([
    "service",
    "id",
    "host",
    "port",
    "secure",
    "hostname",
    "weight",
    "priority",
    "zone",
    "metadata",
  ] as const),
  servicePrefix: plainPrefix,
  locate: locatePlain,
  decode(value: string, { service }: RecordPlace): DecodedNode {
    const record = parseObject(value);
    const network = optional(record, "network") ?? "tcp";
    if (network !== "tcp") throw new RecordError("network must be tcp");
    const weight = optional(record, "weight") ?? kitexWeight;
    if (typeof weight !== "number") throw new RecordError("weight must be a number");
    const flat = fromFlat(texts(optional(record, "tags"), "tags"));
    return {
      ...flat,
      weight: flat.weight ?? (weight > 0 ? weight : kitexWeight),
      ...parseAddress(optional(record, "address"), "address"),
      service,
    };
  },
  encode(node: ServiceNode): EncodedRecord {
    const address = formatAddress(node);
    const key = `${plainPrefix(node.service)}${address}`;
    if (!isRoutable(node)) return { key, value: undefined };
    // Go reads a whole number, and takes another one for a broken record.
    const weight = Math.min(Math.max(Math.round(node.weight), 1), 2 ** 31 - 1);
    const tags = toFlat(node, {
      id: node.id === address ? undefined : node.id,
      secure: node.secure ? "true" : undefined,
      weight: node.weight === weight ? undefined : String(node.weight),
    });
    return { key, value: JSON.stringify({ network: "tcp", address, weight, tags }) };
  },
});
