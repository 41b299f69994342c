import { isIP } from "node:net";

import {
  asDiscoveryError,
  defineNode,
  DiscoveryError,
  type NodeStatus,
  type ServiceNode,
} from "@rollcall/core";

import type { Instance, InstanceFields } from "./instance.ts";
import { fromMetadata } from "./metadata.ts";
import { isRecord } from "./record.ts";

/** A stored record, read: a node, a complaint, or both when only its weight was nonsense. */
export interface Decoded {
  readonly node?: ServiceNode | undefined;
  readonly error?: DiscoveryError | undefined;
}

/** What a record does not say itself. */
export interface DecodeContext {
  /** Registry name, for errors. */
  readonly registry: string;
  /** Name of the application, as the server spells it. */
  readonly app: string;
  /** Weight of a node without one. */
  readonly weight: number;
}

/** Status on the wire of what a node may be. */
export const wireStatus: Readonly<Record<NodeStatus, string>> = Object.freeze({
  up: "UP",
  starting: "STARTING",
  draining: "OUT_OF_SERVICE",
  down: "DOWN",
  // A record of status UNKNOWN cannot be renewed; for consumers both mean the same.
  unknown: "DOWN",
});

const nodeStatus: ReadonlyMap<unknown, NodeStatus> = new Map([
  ["UP", "up"],
  ["STARTING", "starting"],
  ["OUT_OF_SERVICE", "draining"],
  ["DOWN", "down"],
] as const);

/** Reads one stored record. Never throws. */
export function decodeInstance(instance: Instance, context: DecodeContext): Decoded {
  const { app, registry } = context;
  const where = {
    registry,
    operation: `decode ${shown(instance.key)} of ${shown(app)}`,
  };
  const complaint = (reason: string, cause?: unknown): DiscoveryError =>
    new DiscoveryError({ code: "RECORD", ...where, reason, cause });
  if (instance.problem !== undefined) return { error: complaint(instance.problem) };
  const { fields } = instance;
  const address = addressOf(fields);
  if (typeof address === "string") return { error: complaint(address) };
  const stored = fromMetadata(fields.metadata);
  const { host } = address;
  const status = statusOf(fields);
  try {
    const node = defineNode({
      service: app,
      id: instance.key,
      ...address,
      hostname: stored.hostname ?? hostnameOf(host, address.secure, fields.hostName),
      weight: stored.weight ?? context.weight,
      priority: stored.priority ?? 0,
      // Our own word for a status that Eureka has no name for holds as long as nobody changed it.
      status:
        stored.status !== undefined && wireStatus[stored.status] === wireStatus[status]
          ? stored.status
          : status,
      zone: amazonZone(fields.dataCenterInfo) ?? stored.zone,
      metadata: stored.metadata,
    });
    return stored.weightProblem === undefined
      ? { node }
      : { node, error: complaint(`${stored.weightProblem}, ${context.weight} is used`) };
  } catch (thrown) {
    return { error: complaint(asDiscoveryError(thrown, where).reason, thrown) };
  }
}

/** A name from outside as part of a message: short, and on one line. */
export function shown(name: string): string {
  return name.slice(0, 255).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd");
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** Where the node is, or why that cannot be told. */
function addressOf(fields: InstanceFields): Address | string {
  const ipAddr = fields.ipAddr ?? "";
  if (typeof ipAddr !== "string") return "ipAddr must be a text";
  const hostName = fields.hostName ?? "";
  const given = ipAddr.trim() === "" ? hostName : ipAddr;
  if (typeof given !== "string") return "hostName must be a text";
  const host = withoutBrackets(given.trim());
  if (host === "") return "there is neither an ipAddr nor a hostName";
  const plain = portOf(fields.port, true);
  const secure = portOf(fields.securePort, false);
  // Never fall back from a broken secure port to the open one.
  const chosen = secure.enabled ? secure : plain;
  if (!chosen.enabled) return "no port is enabled";
  if (chosen.port === undefined) {
    return `${secure.enabled ? "securePort" : "port"} must be a whole number from 1 to 65535`;
  }
  return { host, port: chosen.port, secure: secure.enabled };
}

/** `{ "$": 8080, "@enabled": "true" }`, or the bare number. */
function portOf(
  value: unknown,
  enabledByDefault: boolean,
): { readonly enabled: boolean; readonly port: number | undefined } {
  if (value === undefined || value === null) return { enabled: false, port: undefined };
  const number = isRecord(value) ? value["$"] : value;
  const flag = isRecord(value) ? value["@enabled"] : undefined;
  const port =
    typeof number === "string" && /^\s*\d{1,5}\s*$/.test(number) ? Number(number) : number;
  return {
    enabled: flag === undefined || flag === null ? enabledByDefault : isTrue(flag),
    port:
      typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535
        ? port
        : undefined,
  };
}

function isTrue(flag: unknown): boolean {
  return (
    flag === true || flag === 1 || (typeof flag === "string" && /^\s*(true|1)\s*$/i.test(flag))
  );
}

function statusOf({ status, overriddenStatus }: InstanceFields): NodeStatus {
  return nodeStatus.get(overriddenStatus ?? status) ?? "unknown";
}

/** A node reached by address and spoken to with TLS needs a name for its certificate. */
function hostnameOf(host: string, secure: boolean, hostName: unknown): string | undefined {
  if (!secure || isIP(host) === 0 || typeof hostName !== "string") return undefined;
  return isDnsName(hostName) ? hostName : undefined;
}

function isDnsName(text: string): boolean {
  return (
    isIP(text) === 0 &&
    !/^[\d.]+$/.test(text) &&
    /^(?=.{1,253}$)\w[\w-]{0,62}(\.\w[\w-]{0,62})*$/.test(text)
  );
}

function amazonZone(info: unknown): string | undefined {
  if (!isRecord(info) || info["name"] !== "Amazon" || !isRecord(info["metadata"])) return undefined;
  const zone = info["metadata"]["availability-zone"];
  return typeof zone === "string" && zone !== "" ? zone : undefined;
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

/** Whether reading the record gives `hostname` back without a word of ours in its metadata. */
export function keepsHostname(node: ServiceNode, hostName: string): boolean {
  return hostnameOf(node.host, node.secure, hostName) === node.hostname;
}
