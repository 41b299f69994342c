import { textFields, type DataCenterInfo, type Instance, type InstancePort } from "./instance.ts";
import type { TextField } from "./instance.ts";
import { badRegistration, unreadableBody } from "./refusal.ts";
import { parseStatus } from "./status.ts";

type Json = Readonly<Record<string, unknown>>;

const ownDataCenter = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo";
const amazonDataCenter = "com.netflix.appinfo.AmazonInfo";
const dataCenterClasses: ReadonlyMap<unknown, string> = new Map([
  [ownDataCenter, ownDataCenter],
  ["com.netflix.appinfo.MyDataCenterInfo", ownDataCenter],
  [amazonDataCenter, amazonDataCenter],
]);
const dataCenterNames: ReadonlySet<string> = new Set(["Netflix", "Amazon", "MyOwn"]);

/**
 * Reads the body of a registration: exactly `{"instance":{…}}`. Unknown fields are dropped; numbers and
 * flags may be strings; a port outside 1–65535 is kept, for clients to judge.
 *
 * @param app  Application of the request path, in capitals; the body must name the same.
 * @param nowMs  Unix ms, for a client that sends no `lastDirtyTimestamp`.
 * @throws {Refusal} 400, with the texts of the real server.
 */
export function decodeRegistration(body: string, app: string, nowMs: number): Instance {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    throw unreadableBody();
  }
  const wrapper = object(document);
  if (Object.keys(wrapper).length !== 1 || !Object.hasOwn(wrapper, "instance")) {
    throw unreadableBody();
  }
  return decodeInstance(object(wrapper["instance"]), app, nowMs);
}

function decodeInstance(json: Json, app: string, nowMs: number): Instance {
  const named = text(json["app"]);
  if (named === undefined) throw unreadableBody();
  const center = json["dataCenterInfo"];
  const dataCenter = isAbsent(center) ? undefined : decodeDataCenter(object(center));
  const instanceId = text(json["instanceId"]);
  const hostName = text(json["hostName"]) ?? "";
  const ipAddr = text(json["ipAddr"]) ?? "";
  const id = instanceId || dataCenter?.metadata?.get("instance-id") || hostName;
  const lease = isAbsent(json["leaseInfo"]) ? {} : object(json["leaseInfo"]);
  const status = json["status"];
  const sid = text(json["sid"]);

  if (id === "") throw badRegistration("Missing instanceId");
  if (hostName === "") throw badRegistration("Missing hostname");
  if (ipAddr === "") throw badRegistration("Missing ip address");
  if (named === "") throw badRegistration("Missing appName");
  if (named.toUpperCase() !== app) {
    throw badRegistration(`Mismatched appName, expecting ${app} but was ${named.toUpperCase()}`);
  }
  if (dataCenter === undefined) throw badRegistration("Missing dataCenterInfo");
  if (dataCenter.name === "") throw badRegistration("Missing dataCenterInfo Name");

  return {
    instanceId,
    id,
    hostName,
    app,
    ipAddr,
    sid: sid === "na" ? undefined : sid,
    status: isAbsent(status) ? "UP" : (parseStatus(text(status)) ?? "UNKNOWN"),
    overriddenStatus:
      parseStatus(text(json["overriddenstatus"] ?? json["overriddenStatus"])) ?? "UNKNOWN",
    port: decodePort(json["port"], { number: 7001, enabled: true }),
    securePort: decodePort(json["securePort"], { number: 7002, enabled: false }),
    countryId: integer(json["countryId"], 1),
    dataCenterInfo: withInstanceId(dataCenter, id),
    renewalIntervalSeconds: positive(integer(lease["renewalIntervalInSecs"], 30), 30),
    durationSeconds: positive(integer(lease["durationInSecs"], 90), 90),
    metadata: stringMap(json["metadata"]),
    texts: decodeTexts(json),
    isCoordinatingDiscoveryServer: flag(json["isCoordinatingDiscoveryServer"], false),
    lastDirtyMs: integer(json["lastDirtyTimestamp"], nowMs, Number.MAX_SAFE_INTEGER),
    asgName: text(json["asgName"]),
  };
}

function decodeTexts(json: Json): Instance["texts"] {
  const texts: Partial<Record<TextField, string>> = {};
  for (const field of textFields) {
    const value = text(json[field]);
    if (value !== undefined) texts[field] = field === "appGroupName" ? value.toUpperCase() : value;
  }
  return texts;
}

function decodePort(value: unknown, fallback: InstancePort): InstancePort {
  if (isAbsent(value)) return fallback;
  const port = object(value);
  return {
    number: port["$"] === null ? 0 : integer(port["$"], fallback.number),
    enabled: port["@enabled"] === null ? false : flag(port["@enabled"], fallback.enabled),
  };
}

function decodeDataCenter(json: Json): DataCenterInfo {
  const { "@class": marker, name: givenName, metadata, ...unknown } = json;
  const className = dataCenterClasses.get(marker);
  const name = text(givenName) ?? "";
  const isAmazon = className === amazonDataCenter;
  if (className === undefined || (name !== "" && !dataCenterNames.has(name))) {
    throw unreadableBody();
  }
  // Amazon's kind must have metadata, the other must not.
  if (isAbsent(metadata) === isAmazon || Object.keys(unknown).length > 0) throw unreadableBody();
  return { className, name, metadata: isAmazon ? stringMap(metadata) : undefined };
}

// An Amazon record without its own id is completed with the one it registers under.
function withInstanceId(info: DataCenterInfo, id: string): DataCenterInfo {
  if (info.metadata === undefined || info.metadata.has("instance-id")) return info;
  return { ...info, metadata: new Map([...info.metadata, ["instance-id", id]]) };
}

// A Map, because `__proto__` is a key like any other. The class marker of Java's JSON is not data.
function stringMap(value: unknown): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  if (isAbsent(value)) return map;
  for (const [key, entry] of Object.entries(object(value))) {
    if (key !== "@class") map.set(key, text(entry) ?? "null");
  }
  return map;
}

function object(value: unknown): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unreadableBody();
  return value as Json;
}

function text(value: unknown): string | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw unreadableBody();
}

// As the real server's parser: text that is no number counts as 0, a number too large is refused.
function integer(value: unknown, fallback: number, max = 2_147_483_647): number {
  const given = text(value);
  if (given === undefined) return fallback;
  const number = Math.trunc(Number(given));
  if (!Number.isFinite(number)) return 0;
  if (Math.abs(number) > max) throw unreadableBody();
  return number;
}

function flag(value: unknown, fallback: boolean): boolean {
  if (typeof value === "number") return value !== 0;
  const given = text(value);
  return given === undefined ? fallback : given.trim() === "true";
}

function positive(value: number, fallback: number): number {
  return value > 0 ? value : fallback;
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}
