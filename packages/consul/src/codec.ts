import {
  asDiscoveryError,
  defineNode,
  DiscoveryError,
  type NodeStatus,
  type ServiceNode,
} from "@rollcall/core";

import { checkOf, ownCheckId, stateOf } from "./checks.ts";
import { readMeta } from "./meta.ts";
import { isRecord } from "./record.ts";

/** A stored record, read: a node, or why it is none. */
export interface Decoded {
  /** The record's id at its agent. */
  readonly key: string;
  /** Name of the agent that holds it, with its datacentre: `host-7.dc1`. */
  readonly agent: string;
  readonly node?: ServiceNode | undefined;
  readonly error?: DiscoveryError | undefined;
}

/** What decides how records are read. */
export interface DecodeContext {
  /** Registry name, for errors. */
  readonly registry: string;
  /** Weight of a node of Consul's weight 1. */
  readonly weight: number;
  readonly acceptWarning: boolean;
}

/** Port of a record without one, as in APISIX. */
const defaultPort = 80;
const idLength = 512;

/**
 * The id under which an agent knows a node: agents have one space of ids for all services, so the
 * service's name is part of it, escaped where it could be taken for a part of the node's id.
 */
export function recordId(service: string, id: string): string {
  return encodeURIComponent(service) + ":" + id;
}

/** Reads one `{ Node, Service, Checks }` of a health answer. Never throws. */
export function decodeEntry(entry: unknown, context: DecodeContext): Decoded {
  const parts = isRecord(entry) ? entry : {};
  const { Node: agentPart, Service: servicePart, Checks: checks } = parts;
  const agent = isRecord(agentPart) ? agentPart : {};
  const name = textOf(agent["Node"]) ?? "";
  if (!isRecord(servicePart)) {
    const error = complaint(context, name, "the record has no Service");
    return { key: name, agent: name, error };
  }
  const datacenter = textOf(agent["Datacenter"]);
  const service = textOf(servicePart["Service"]) ?? "";
  const key = textOf(servicePart["ID"]) ?? service;
  const where = { key, agent: datacenter === undefined ? name : `${name}.${datacenter}` };
  const host = hostOf(servicePart["Address"]) ?? hostOf(agent["Address"]) ?? name;
  const port = portOf(servicePart);
  if (typeof port === "string") return { ...where, error: complaint(context, key, port) };
  const notes = textOf(checkOf(checks, ownCheckId(key, "ttl"))?.["Notes"]);
  const stored = readMeta(
    servicePart["Meta"],
    servicePart["Tags"],
    notes ?? agentNotes(checks, key),
  );
  const state = stateOf(checks, context.acceptWarning);
  try {
    const node = defineNode({
      service,
      id: nodeId(service, key),
      host,
      port,
      secure: stored.secure,
      hostname: stored.hostname,
      weight: weightOf(servicePart["Weights"], state.isWarning, stored.weight) * context.weight,
      priority: stored.priority ?? 0,
      status: statusOf(state.status, stored.status),
      zone: stored.zone ?? localZone(servicePart["Locality"]),
      metadata: stored.metadata,
    });
    return { ...where, node };
  } catch (thrown) {
    const { registry } = context;
    const { reason } = asDiscoveryError(thrown, { registry, operation: "decode" });
    return { ...where, error: complaint(context, key, reason, thrown) };
  }
}

/** How a node's weight is written: Consul's own are whole and at least 1, the exact one is ours. */
export function encodeWeight(
  weight: number,
  unit: number,
): { readonly passing: number; readonly exact: number | undefined } {
  const wanted = weight / unit;
  const passing = Math.min(Math.max(Math.round(wanted), 1), 65_535);
  return { passing, exact: passing === wanted ? undefined : wanted };
}

function complaint(
  { registry }: DecodeContext,
  key: string,
  reason: string,
  cause?: unknown,
): DiscoveryError {
  const operation = `decode ${JSON.stringify(key.slice(0, 200))}`;
  return new DiscoveryError({ code: "RECORD", registry, operation, reason, cause });
}

/** Only what the maintenance agrees with: whoever ends it with Consul's tools wins. */
function statusOf(seen: NodeStatus, told: NodeStatus | undefined): NodeStatus {
  return seen === "draining" && told !== undefined ? told : seen;
}

function agentNotes(checks: unknown, key: string): string | undefined {
  const check = checkOf(checks, ownCheckId(key, "http")) ?? checkOf(checks, ownCheckId(key, "tcp"));
  return textOf(check?.["Notes"]);
}

function hostOf(value: unknown): string | undefined {
  const host = typeof value === "string" ? value.trim() : "";
  if (host === "") return undefined;
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

/** The port, or why there is none to connect to. */
function portOf(service: Readonly<Record<string, unknown>>): number | string {
  const { Port: port, Ports: ports, SocketPath: socketPath } = service;
  if (port !== undefined && port !== null && port !== 0) {
    return typeof port === "number" ? port : "Port must be a number";
  }
  // Servers from 1.22 on may list several instead.
  if (Array.isArray(ports)) {
    const several = ports.filter(isRecord);
    const chosen = (several.find((one) => one["Default"] === true) ?? several[0])?.["Port"];
    if (typeof chosen === "number" && chosen !== 0) return chosen;
  }
  if (typeof socketPath === "string" && socketPath !== "") {
    return "it listens on a Unix socket of its own machine";
  }
  return defaultPort;
}

function weightOf(weights: unknown, isWarning: boolean, exact: number | undefined): number {
  const own = isRecord(weights) ? weights[isWarning ? "Warning" : "Passing"] : undefined;
  if (exact !== undefined && !isWarning) return exact;
  return typeof own === "number" && Number.isFinite(own) && own >= 0 ? own : 1;
}

function localZone(locality: unknown): string | undefined {
  return isRecord(locality) ? textOf(locality["Zone"]) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The reverse of {@link recordId}, which others do as well: `orders:10.0.0.5:8080`. */
function nodeId(service: string, key: string): string {
  const prefix = service.isWellFormed() ? recordId(service, "") : "";
  const id = key.startsWith(prefix) && key !== prefix ? key.slice(prefix.length) : key;
  return id.slice(0, idLength);
}
