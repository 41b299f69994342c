import { nodeStatuses, type NodeStatus, type ServiceNode } from "@rollcall/core";

import {
  type Codec,
  type DecodedNode,
  type EncodedRecord,
  RecordError,
  type RecordPlace,
} from "../codec.ts";
import { isRecord, optional, parseObject, texts } from "./json-record.ts";
import { escapePart, unescapePart } from "./plain-key.ts";

/**
 * The form of this project: `/rollcall/<service>/<id>` holds
 * `{ "v": 1, "host", "port", "secure"?, "hostname"?, "weight"?, "priority"?, "status"?, "zone"?, "metadata"? }`.
 *
 * Only host and port are required. A slash or a percent sign in a service or an id is written `%2F`, `%25`.
 * Unknown fields are ignored; a status that is none of ours is `unknown`.
 */
export const rollcallCodec: Codec = Object.freeze({
  name: "rollcall",
  prefix: "/rollcall/",
  keeps: Object.freeze([
    "service",
    "id",
    "host",
    "port",
    "secure",
    "hostname",
    "weight",
    "priority",
    "status",
    "zone",
    "metadata",
  ] as const),
  servicePrefix: (service: string): string => `${escapePart(service)}/`,
  locate(key: string): RecordPlace | undefined {
    const [service = "", id = "", ...more] = key.split("/", 3);
    if (service === "" || id === "" || more.length > 0) return undefined;
    return { service: unescapePart(service), id: unescapePart(id) };
  },
  decode(value: string, { service, id }: RecordPlace): DecodedNode {
    const record = parseObject(value);
    const version = optional(record, "v") ?? 1;
    if (version !== 1) throw new RecordError("v must be 1");
    // The types are checked with the node.
    const fields = Object.fromEntries(
      ["host", "port", "secure", "hostname", "weight", "priority", "zone"].map((field) => [
        field,
        optional(record, field),
      ]),
    );
    return {
      ...(fields as unknown as Pick<DecodedNode, "host" | "port">),
      service,
      id,
      status: statusOf(optional(record, "status")),
      metadata: metadataOf(optional(record, "metadata")),
    };
  },
  encode(node: ServiceNode): EncodedRecord {
    const { host, port, secure, hostname, weight, priority, status, zone, metadata } = node;
    const value = JSON.stringify({
      v: 1,
      host,
      port,
      ...(secure && { secure }),
      hostname,
      // Always: a reader's default may be another one.
      weight,
      ...(priority !== 0 && { priority }),
      ...(status !== "up" && { status }),
      zone,
      ...(Object.keys(metadata).length > 0 && { metadata }),
    });
    return { key: `${escapePart(node.service)}/${escapePart(node.id)}`, value };
  },
});

function statusOf(value: unknown): NodeStatus {
  if (value === undefined) return "up";
  return nodeStatuses.find((status) => status === value) ?? "unknown";
}

function metadataOf(value: unknown): Record<string, string> {
  if (value !== undefined && !isRecord(value)) throw new RecordError("metadata must be an object");
  return texts(value, "metadata");
}
