import { isRecord } from "./record.ts";

/** What the registry keeps of one stored record: enough for a node and for the hash, no more. */
export interface Instance {
  /** The record's id; for a record without one its place, `ORDERS[3]`. */
  readonly key: string;
  /** Status as the server counts it in its hash. */
  readonly status: string;
  /** `ADDED`, `MODIFIED` or `DELETED` in a delta. */
  readonly action: unknown;
  /** The fields that make a node, as they came. */
  readonly fields: InstanceFields;
  /** Why the record has no id, or is no record at all. */
  readonly problem: string | undefined;
}

/** The fields of a stored record a node is made of; their types are whatever the server sent. */
export interface InstanceFields {
  readonly hostName?: unknown;
  readonly ipAddr?: unknown;
  readonly status?: unknown;
  readonly overriddenStatus?: unknown;
  readonly port?: unknown;
  readonly securePort?: unknown;
  readonly metadata?: unknown;
  readonly dataCenterInfo?: unknown;
}

/**
 * Reads one element of `application.instance`. Never throws: what cannot be used says why.
 *
 * @param place  How to name a record that does not name itself.
 */
export function readInstance(raw: unknown, place: string): Instance {
  if (!isRecord(raw)) {
    return {
      key: place,
      status: "UNKNOWN",
      action: undefined,
      fields: {},
      problem: "the record is not an object",
    };
  }
  const { instanceId, status, dataCenterInfo } = raw;
  const amazon =
    isRecord(dataCenterInfo) && isRecord(dataCenterInfo["metadata"])
      ? dataCenterInfo["metadata"]["instance-id"]
      : undefined;
  // Records of old clients have no id of their own; this is how the server itself calls them.
  const id = [instanceId, amazon, raw["hostName"]].find(
    (one) => one !== undefined && one !== null && one !== "",
  );
  const hasId = typeof id === "string";
  return {
    key: hasId ? id : place,
    status: typeof status === "string" && status !== "" ? status : "UNKNOWN",
    action: raw["actionType"],
    fields: {
      hostName: raw["hostName"],
      ipAddr: raw["ipAddr"],
      status,
      // XML and old servers spell it in lower case; there it wins, as with the server's own reader.
      overriddenStatus: raw["overriddenstatus"] ?? raw["overriddenStatus"],
      port: raw["port"],
      securePort: raw["securePort"],
      metadata: raw["metadata"],
      dataCenterInfo,
    },
    problem: hasId ? undefined : "instanceId must be a text",
  };
}
