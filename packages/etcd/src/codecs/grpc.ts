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
import { isRecord, optional, parseObject, texts } from "./json-record.ts";
import { escapePart, locatePlain, plainPrefix, unescapePart } from "./plain-key.ts";

/**
 * etcd's own gRPC naming (Go package `naming/endpoints`): `<target>/<anything>` holds
 * `{ "Op": 0, "Addr": "host:port", "Metadata": <any JSON> }`. The service is the target, which may hold slashes.
 *
 * Of `Metadata` that is an object, `weight`, `zone` and texts are read.
 */
export const grpcCodec: Codec = Object.freeze({
  name: "grpc",
  prefix: "",
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
  locate(key: string): RecordPlace | undefined {
    const place = locatePlain(key);
    return place && { ...place, id: unescapePart(place.id) };
  },
  decode(value: string, { service, id }: RecordPlace): DecodedNode {
    const record = parseObject(value);
    // 1 was "delete", in a form that is not written any more.
    if ((optional(record, "Op") ?? 0) !== 0) throw new RecordError("Op must be 0");
    const metadata = optional(record, "Metadata");
    return {
      ...fromFlat(isRecord(metadata) ? texts(metadata, "Metadata") : {}),
      ...parseAddress(optional(record, "Addr"), "Addr"),
      service,
      id,
    };
  },
  encode(node: ServiceNode): EncodedRecord {
    const key = `${plainPrefix(node.service)}${escapePart(node.id)}`;
    if (!isRoutable(node)) return { key, value: undefined };
    const { weight } = node;
    const Metadata = {
      weight,
      ...toFlat(node, { secure: node.secure ? "true" : undefined }),
    };
    return { key, value: JSON.stringify({ Op: 0, Addr: formatAddress(node), Metadata }) };
  },
});
