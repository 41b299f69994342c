import { isIP } from "node:net";

import { DiscoveryError } from "./error.ts";

/**
 * Where a node is in its life.
 *
 * Only `up` nodes receive traffic. `draining` nodes finish what they have and get nothing new;
 * `unknown` stands for a status the registry knows and we do not.
 */
export type NodeStatus = "up" | "starting" | "draining" | "down" | "unknown";

/** Every status, for validation and tables. */
export const nodeStatuses: readonly NodeStatus[] = [
  "up",
  "starting",
  "draining",
  "down",
  "unknown",
];

/**
 * One reachable instance of a service: frozen plain data, safe to keep and to share.
 *
 * Made by {@link defineNode}; never build one by hand.
 */
export interface ServiceNode {
  /** Logical name of the service, 1–255 characters, as the registry spells it. */
  readonly service: string;
  /** Unique within the service and stable over restarts. Default `host:port`; 1–512 characters. */
  readonly id: string;
  /** IPv4, IPv6 without brackets, or a DNS name of at most 253 characters. */
  readonly host: string;
  /** TCP port, 1–65535. */
  readonly port: number;
  /** Whether to speak TLS to this node. Default `false`. */
  readonly secure: boolean;
  /** Name for `Host`, SNI and the certificate, when `host` is an address. */
  readonly hostname?: string | undefined;
  /** Share of traffic, finite and >= 0. Default 100; 0 means no new traffic. */
  readonly weight: number;
  /** Integer; the highest group with a usable node serves. Default 0. */
  readonly priority: number;
  /** Default `up`. */
  readonly status: NodeStatus;
  /** Failure domain (zone, rack, data centre), 1–255 characters. */
  readonly zone?: string | undefined;
  /** Free text by key, inheriting nothing; at most 64 KiB in all. `version` lives here. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What it takes to define a node: a service, a host and a port; the rest has defaults. */
export type NodeInput = Pick<ServiceNode, "service" | "host" | "port"> & Partial<ServiceNode>;

/** What a live registration may change. */
export type NodePatch = Partial<Pick<ServiceNode, "weight" | "status" | "metadata">>;

/** Weight of a node that does not say its own. */
export const defaultWeight = 100;

/** Upper bound of the UTF-8 length of all metadata keys and values of one node, in bytes. */
export const maxMetadataBytes = 65_536;

/**
 * The mark of nodes that were made here: a private field, put on the plain object by returning it from
 * the parent's constructor. Nothing sees it but `in`, and unlike a WeakSet it costs neither the insertion
 * nor the collector anything to speak of with 10 000 nodes.
 */
class Made extends (function giveBack(node: object) {
  return node;
} as unknown as new (node: object) => object) {
  readonly #made = true;

  static has(node: object): boolean {
    return #made in node && node.#made;
  }
}

/**
 * What metadata inherits from: nothing, so a key such as `__proto__` from a registry is an ordinary key.
 * One level above `null`, because V8 makes a slow dictionary of an object whose own prototype is `null`.
 */
const nothing: object = Object.freeze(Object.create(null) as object);
const noMetadata: Readonly<Record<string, string>> = Object.freeze(
  Object.create(nothing) as Record<string, string>,
);

/** Whether `node` came out of {@link defineNode}, so that nobody needs to validate it again. */
export function isDefinedNode(node: ServiceNode): boolean {
  return typeof node === "object" && node !== null && Made.has(node);
}

/**
 * Validates `input`, fills in the defaults and returns a deep-frozen copy.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the field, the value and the bound it breaks.
 */
export function defineNode(input: NodeInput): ServiceNode {
  try {
    return define(input);
  } catch (thrown) {
    if (thrown instanceof DiscoveryError) throw thrown;
    // A getter or a proxy that throws, a null where an object should be.
    return refuse("node", input, "must be an object of plain data");
  }
}

function define(input: NodeInput): ServiceNode {
  // Each field is read once, so that what was checked is what is kept.
  const { service, id, host, port, secure = false, hostname, zone, metadata } = input;
  const { weight = defaultWeight, priority = 0, status = "up" } = input;
  text("service", service, 255);
  hostField("host", host);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    refuse("port", port, "must be an integer from 1 to 65535");
  }
  if (typeof weight !== "number" || !Number.isFinite(weight) || weight < 0) {
    refuse("weight", weight, "must be a finite number >= 0");
  }
  if (!Number.isSafeInteger(priority)) refuse("priority", priority, "must be an integer");
  if (typeof secure !== "boolean") refuse("secure", secure, "must be true or false");
  if (!nodeStatuses.includes(status)) {
    refuse("status", status, `must be one of ${nodeStatuses.join(", ")}`);
  }
  if (id !== undefined) text("id", id, 512);
  if (hostname !== undefined) hostField("hostname", hostname);
  if (zone !== undefined) text("zone", zone, 255);
  const node: ServiceNode = {
    service,
    id: id ?? `${host.includes(":") ? `[${host}]` : host}:${port}`,
    host,
    port,
    secure,
    hostname,
    weight,
    priority,
    status,
    zone,
    metadata: copyMetadata(metadata),
  };
  void new Made(node);
  return Object.freeze(node);
}

/** Whether `node` may receive new requests: `up`, with a weight above zero. */
export function isRoutable(node: ServiceNode): boolean {
  return node.status === "up" && node.weight > 0;
}

/** Whether two nodes are equal in every field, metadata by value and in any order. */
export function sameNode(a: ServiceNode, b: ServiceNode): boolean {
  if (a === b) return true;
  return (
    a.id === b.id &&
    a.host === b.host &&
    a.port === b.port &&
    a.secure === b.secure &&
    a.weight === b.weight &&
    a.status === b.status &&
    a.priority === b.priority &&
    a.service === b.service &&
    a.hostname === b.hostname &&
    a.zone === b.zone &&
    sameMetadata(a.metadata, b.metadata)
  );
}

/** Whether two nodes of one id are reached at the same place; when not, they are strangers. */
export function sameAddress(a: ServiceNode, b: ServiceNode): boolean {
  return a.host === b.host && a.port === b.port && a.secure === b.secure;
}

/** Order of `snapshot.all` and `snapshot.nodes`: by id, code unit by code unit. */
export function byId(a: ServiceNode, b: ServiceNode): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function sameMetadata(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys) if (a[key] !== b[key]) return false;
  return true;
}

function copyMetadata(input: unknown): Readonly<Record<string, string>> {
  if (input === undefined) return noMetadata;
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    refuse("metadata", input, "must be an object of strings");
  }
  const entries = Object.entries(input);
  if (entries.length === 0) return noMetadata;
  const copy = Object.create(nothing) as Record<string, string>;
  let bytes = 0;
  for (const [key, value] of entries as [string, unknown][]) {
    if (typeof value !== "string") refuse(`metadata[${show(key)}]`, value, "must be a string");
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    copy[key] = value;
  }
  if (bytes > maxMetadataBytes) {
    refuse("metadata", bytes, `must have at most ${maxMetadataBytes} bytes in all`);
  }
  return Object.freeze(copy);
}

// C0 controls and DEL could forge log lines, header fields and paths wherever a name is shown.
const control = /[\u0000-\u001f\u007f]/;
const dnsName =
  /^(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$/;

// Resolvers read `127.1`, `0x7f000001` and `2130706433` as addresses; as names they would slip past
// whoever checks addresses.
const numeric = /^(?:0x[0-9a-f]*|[0-9]*)(?:\.(?:0x[0-9a-f]*|[0-9]*))*$/i;

function text(field: string, value: unknown, maxLength: number): asserts value is string {
  if (typeof value !== "string" || value.length === 0 || value.length > maxLength) {
    refuse(field, value, `must be a string of 1 to ${maxLength} characters`);
  }
  if (control.test(value)) refuse(field, value, "must not contain control characters");
}

function hostField(field: string, value: unknown): asserts value is string {
  text(field, value, 254);
  if (isIP(value) !== 0 || (dnsName.test(value) && !numeric.test(value))) return;
  const bound = "must be an IPv4 address, an IPv6 address without brackets, or a DNS name";
  refuse(field, value, bound);
}

function refuse(field: string, value: unknown, bound: string): never {
  throw new DiscoveryError({
    code: "INVALID",
    registry: "core",
    operation: "define node",
    reason: `${field} ${bound}, got ${show(value)}`,
  });
}

function show(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value).slice(0, 80);
}
