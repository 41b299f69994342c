import { isRoutable, type ServiceNode } from "@rollcall/core";

import {
  type Codec,
  type DecodedNode,
  type EncodedRecord,
  RecordError,
  type RecordPlace,
} from "../codec.ts";
import { type Address, formatAddress, parseAddress } from "./address.ts";
import { fromFlat, toFlat } from "./flat-metadata.ts";
import { optional, parseObject, texts } from "./json-record.ts";
import { escapePart, locatePlain, plainPrefix, unescapePart } from "./plain-key.ts";

/**
 * go-kratos: `/microservices/<name>/<id>` holds `{ id, name, version, metadata, endpoints }`.
 *
 * A node is reached at the first `http(s)` endpoint, or else at the first `grpc(s)` one. Its version is the
 * metadata of that name. A record whose name is not that of its key is refused.
 */
export const kratosCodec: Codec = Object.freeze({
  name: "kratos",
  prefix: "/microservices/",
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
    if ((optional(record, "name") ?? service) !== service) {
      throw new RecordError("name is not that of the key");
    }
    const metadata = texts(optional(record, "metadata"), "metadata");
    const version = optional(record, "version");
    if (typeof version === "string" && version !== "") metadata["version"] ??= version;
    const { secure, ...address } = endpointOf(optional(record, "endpoints"));
    const ownId = optional(record, "id");
    return {
      ...fromFlat(metadata),
      ...address,
      secure,
      service,
      id: typeof ownId === "string" && ownId !== "" ? ownId : id,
    };
  },
  encode(node: ServiceNode): EncodedRecord {
    const { id, service, secure } = node;
    const key = `${plainPrefix(service)}${escapePart(id)}`;
    if (!isRoutable(node)) return { key, value: undefined };
    const { version = "", ...metadata } = toFlat(node, {});
    const value = JSON.stringify({
      id,
      name: service,
      version,
      metadata: {
        ...metadata,
        ...(Object.hasOwn(node.metadata, "version") && version === "" && { version }),
        weight: String(node.weight),
      },
      endpoints: [`${secure ? "https" : "http"}://${formatAddress(node)}`],
    });
    return { key, value };
  },
});

interface Endpoint extends Address {
  readonly secure: boolean;
}

function endpointOf(raw: unknown): Endpoint {
  const all = Array.isArray(raw) ? raw : [];
  for (const scheme of ["http", "grpc"]) {
    const pattern = new RegExp(`^${scheme}(s?)://([^/?#]+)/?(?:\\?([^#]*))?$`, "i");
    for (const one of all) {
      const match = typeof one === "string" ? pattern.exec(one) : null;
      if (match === null) continue;
      const isSecure = new URLSearchParams(match[3] ?? "").get("isSecure") === "true";
      return { ...parseAddress(match[2], "endpoints"), secure: match[1] !== "" || isSecure };
    }
  }
  throw new RecordError("endpoints must hold one such as http://host:port or grpc://host:port");
}
