import { isIPv6 } from "node:net";

import {
  asDiscoveryError,
  defineNode,
  DiscoveryError,
  type NodeStatus,
  type ServiceNode,
} from "@rollcall/core";

import { parseOwner } from "../owner.ts";
import type { Codec, DecodeContext, Decoded, EncodeContext, Findings } from "./codec.ts";
import { isRecord, type JsonRecord, parseRecord, textsOf } from "./json-record.ts";
import { editsOf, fromMetadata, ownerKey, toMetadata } from "./metadata.ts";

/** What tells the users of Curator's service discovery apart. */
export interface CuratorFlavour {
  readonly name: "curator" | "dubbo";
  /** Java readers insist on the class of their payload. */
  readonly payloadClass: string;
  /** Key of the status in the metadata; without one it is Curator's own `enabled`. */
  readonly statusName: string | undefined;
  readonly expected: (node: ServiceNode) => Readonly<Record<string, string>>;
}

/** Where an operator's change of `enabled` is kept among the edits: no key of metadata. */
const enabledEdit = "\0enabled";
const addressKeys = ["name", "id", "address", "port", "sslPort"] as const;
const statuses: ReadonlyMap<string, NodeStatus> = new Map([
  ["", "up"],
  ["UP", "up"],
  ["OUT_OF_SERVICE", "draining"],
  ["STARTING", "starting"],
  ["DOWN", "down"],
]);

/** A codec for the JSON of Curator's service discovery. */
export function curatorJsonCodec(flavour: CuratorFlavour): Codec {
  return Object.freeze({
    name: flavour.name,
    namesOwner: true,
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
    decode: (data, context) => decode(parseRecord(data), context, flavour),
    encode: (node, context) => Buffer.from(JSON.stringify(encode(node, context, flavour))),
    inspect: (stored, written) => inspect(parseRecord(stored), written.map(parseRecord)),
    differences: (a, b) => differences(parseRecord(a) ?? {}, parseRecord(b) ?? {}),
  } satisfies Codec);
}

function decode(
  record: JsonRecord | undefined,
  context: DecodeContext,
  { statusName }: CuratorFlavour,
): Decoded {
  const { registry, service, id } = context;
  const where = { registry, operation: `decode ${service}/${id}`.slice(0, 300) };
  const complaint = (reason: string, cause?: unknown): DiscoveryError =>
    new DiscoveryError({ code: "RECORD", ...where, reason, cause });
  if (record === undefined) return { error: complaint("the data is not a JSON object") };
  const { address, sslPort = null } = record;
  if (typeof address !== "string") return { error: complaint("address must be a text") };
  const texts = metadataOf(record);
  const stored = fromMetadata(texts, statusName);
  const secure = sslPort !== null;
  try {
    const node = defineNode({
      service,
      id,
      host: address.replace(/^\[(.*:.*)\]$/, "$1"),
      port: portOf(secure ? sslPort : record["port"]),
      secure,
      hostname: stored.hostname,
      weight: stored.weight ?? context.weight,
      priority: stored.priority ?? 0,
      status: statusOf(record, statusName === undefined ? "" : texts[statusName], stored.status),
      zone: stored.zone,
      metadata: stored.metadata,
    });
    return stored.weightProblem === undefined
      ? { node }
      : { node, error: complaint(`${stored.weightProblem}, ${context.weight} is used`) };
  } catch (thrown) {
    return { error: complaint(asDiscoveryError(thrown, where).reason, thrown) };
  }
}

function statusOf(record: JsonRecord, word = "", ours: NodeStatus | undefined): NodeStatus {
  const said = statuses.get(word.trim().toUpperCase()) ?? "unknown";
  const status = said === "up" && record["enabled"] === false ? "draining" : said;
  // Our own word for a status that has no name there holds as long as nobody changed it.
  return status === "draining" && ours !== undefined && ours !== "up" ? ours : status;
}

function encode(node: ServiceNode, context: EncodeContext, flavour: CuratorFlavour): JsonRecord {
  const { service, id, host, port, secure } = node;
  const { payloadClass, statusName, expected } = flavour;
  const { [enabledEdit]: enabled, ...edits } = context.edits;
  const isUp = node.status === "up";
  const isEnabled = enabled === undefined ? statusName !== undefined || isUp : enabled === "true";
  return {
    name: service,
    id,
    address: host,
    port: secure ? null : port,
    sslPort: secure ? port : null,
    payload: {
      "@class": payloadClass,
      id: flavour.name === "dubbo" ? id : service,
      name: service,
      metadata: toMetadata(
        node,
        { ...context, edits },
        {
          status:
            statusName === undefined ? undefined : [statusName, isUp ? "UP" : "OUT_OF_SERVICE"],
          expected: expected(node),
        },
      ),
    },
    registrationTimeUTC: context.registeredAtMs,
    serviceType: "DYNAMIC",
    uriSpec: { parts: uriParts(host, secure) },
    // Old readers know no such field, and by default Curator does not write it.
    ...(isEnabled && enabled === undefined ? {} : { enabled: isEnabled }),
  };
}

function inspect(
  stored: JsonRecord | undefined,
  writes: readonly (JsonRecord | undefined)[],
): Findings {
  if (stored === undefined) return { owner: undefined, edits: undefined };
  const texts = metadataOf(stored);
  const owner = parseOwner(texts[ownerKey]);
  const written = writes.find((one) => one && metadataOf(one)[ownerKey] === texts[ownerKey]);
  const isWhole =
    written !== undefined &&
    addressKeys.every((key) => (stored[key] ?? null) === written[key]) &&
    classOf(stored) === classOf(written);
  const edits = isWhole ? editsOf(texts, metadataOf(written)) : undefined;
  if (edits === undefined) return { owner, edits };
  const isEnabled = stored["enabled"] !== false;
  const isEdited = isEnabled === (written?.["enabled"] === false);
  return { owner, edits: isEdited ? { ...edits, [enabledEdit]: String(isEnabled) } : edits };
}

function differences(a: JsonRecord, b: JsonRecord): ReadonlySet<string> {
  const [left, right] = [metadataOf(a), metadataOf(b)];
  const keys = [...Object.keys(left), ...Object.keys(right)];
  const changed = new Set(keys.filter((key) => left[key] !== right[key]));
  if ((a["enabled"] === false) !== (b["enabled"] === false)) changed.add(enabledEdit);
  return changed;
}

function uriParts(host: string, secure: boolean): readonly JsonRecord[] {
  const [open, close] = isIPv6(host) ? ["[", "]"] : ["", ""];
  const variable = (value: string): JsonRecord => ({ value, variable: true });
  const fixed = (value: string): JsonRecord => ({ value, variable: false });
  return [
    variable("scheme"),
    fixed(`://${open}`),
    variable("address"),
    fixed(`${close}:`),
    variable(secure ? "ssl-port" : "port"),
  ];
}

function metadataOf(record: JsonRecord): Record<string, string> {
  const payload = record["payload"];
  return textsOf(isRecord(payload) ? payload["metadata"] : undefined);
}

function classOf(record: JsonRecord): unknown {
  const payload = record["payload"];
  return isRecord(payload) ? payload["@class"] : undefined;
}

/** Nonsense becomes what `defineNode` refuses. */
function portOf(value: unknown): number {
  if (typeof value === "string" && /^\d{1,5}$/.test(value)) return Number(value);
  return typeof value === "number" ? value : Number.NaN;
}
