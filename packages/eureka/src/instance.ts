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
  /** Only one that counts, see {@link overrideOf}. */
  readonly overriddenStatus?: string | undefined;
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
      hostName: pruned(raw["hostName"], 0),
      ipAddr: pruned(raw["ipAddr"], 0),
      status: pruned(status, 0),
      overriddenStatus: overrideOf(raw),
      port: pruned(raw["port"], 1),
      securePort: pruned(raw["securePort"], 1),
      metadata: pruned(raw["metadata"], 1),
      dataCenterInfo: pruned(dataCenterInfo, 2),
    },
    problem: hasId ? undefined : "instanceId must be a text",
  };
}

/** The status put in place of a record's own, as it came; undefined when there is none, or UNKNOWN. */
export function overrideOf(record: Readonly<Record<string, unknown>>): string | undefined {
  // XML and old servers spell it in lower case; there it wins, as with the server's own reader.
  for (const one of [record["overriddenstatus"], record["overriddenStatus"]]) {
    if (typeof one === "string" && one !== "" && one !== "UNKNOWN") return one;
  }
  return undefined;
}

const tooDeep: object = Object.freeze({});

/**
 * A value without what lies deeper than a record's fields do: nothing there means anything, and records
 * are compared, which a nest of many thousands would not survive.
 */
function pruned(value: unknown, levels: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0 || !isRecord(value)) return tooDeep;
  const entries = Object.entries(value);
  const kept = entries.map(([key, one]) => [key, pruned(one, levels - 1)] as const);
  const isFlat = kept.every(([, one], index) => one === entries[index]?.[1]);
  return isFlat ? value : Object.fromEntries(kept);
}
