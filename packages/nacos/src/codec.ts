import {
  asDiscoveryError,
  defineNode,
  type DiscoveryError,
  type NodeStatus,
  type ServiceNode,
} from "@rollcall/core";

import { fault } from "./fault.ts";
import { fromMetadata, storedId, toMetadata } from "./metadata.ts";
import type { Owner } from "./owner.ts";
import { isRecord } from "./record.ts";
import type { StoredInstance } from "./stored-instance.ts";

/** A stored instance, read. */
export interface Decoded {
  /** How to name it in a report. */
  readonly key: string;
  readonly cluster: string;
  /** Replaced by an equal one that is there already: records may be kept as long as nodes. */
  node?: ServiceNode | undefined;
  /** Why it is no node, or that its weight was nonsense. */
  readonly error?: DiscoveryError | undefined;
  /** Who wrote it; undefined for other clients. */
  readonly owner?: Owner | undefined;
}

/** What a record does not say itself. */
export interface DecodeContext {
  /** Registry name, for errors. */
  readonly registry: string;
  readonly service: string;
  /** Weight of an instance without one. */
  readonly weight: number;
}

const defaultCluster = "DEFAULT";

/** Reads one element of `hosts`. Never throws. */
export function decodeInstance(raw: unknown, context: DecodeContext): Decoded {
  const { registry, service } = context;
  const fields = isRecord(raw) ? raw : {};
  const { ip, port, clusterName } = fields;
  const cluster =
    typeof clusterName === "string" && clusterName !== "" ? clusterName : defaultCluster;
  const key = `${String(ip).slice(0, 200)}:${String(port).slice(0, 20)}`;
  const where = { registry, operation: `decode ${key} of ${service.slice(0, 255)}` };
  if (!isRecord(raw)) {
    return { key, cluster, error: fault("RECORD", where, "the record is not an object") };
  }
  const stored = fromMetadata(fields["metadata"]);
  const { owner } = stored;
  const weight = weightOf(fields["weight"]);
  try {
    const node = defineNode({
      service,
      ...(stored.id === undefined ? {} : { id: stored.id }),
      host: withoutBrackets(ip as string),
      port: port as number,
      secure: stored.secure,
      hostname: stored.hostname,
      weight: stored.weight ?? weight ?? context.weight,
      priority: stored.priority ?? 0,
      status: stored.status ?? statusOf(fields),
      zone:
        stored.zone ?? (owner === undefined && cluster !== defaultCluster ? cluster : undefined),
      metadata: stored.metadata,
    });
    if (weight !== undefined || fields["weight"] === undefined || fields["weight"] === null) {
      return { key, cluster, node, owner };
    }
    const reason = `weight must be a finite number >= 0, ${context.weight} is used`;
    return { key, cluster, node, owner, error: fault("RECORD", where, reason) };
  } catch (thrown) {
    const { reason } = asDiscoveryError(thrown, where);
    return { key, cluster, owner, error: fault("RECORD", where, reason, thrown) };
  }
}

/** The id that an element of `hosts` would have as a node, without reading the rest of it. */
export function idOf(raw: unknown): string | undefined {
  if (!isRecord(raw)) return undefined;
  const { ip, port } = raw;
  return (
    storedId(raw["metadata"]) ?? usualId({ host: withoutBrackets(String(ip)), port: Number(port) })
  );
}

/** How a node is stored. */
export interface EncodeContext {
  readonly owner: Owner;
  readonly cluster: string;
  readonly ephemeral: boolean;
  /** How long it outlives its last beat, in ms; undefined when it needs none. */
  readonly ttlMs: number | undefined;
}

/**
 * Writes a node; {@link decodeInstance} gives back what went in.
 *
 * A node that takes no traffic has the weight 0, which all Nacos clients understand. Disabled or unhealthy
 * it would vanish from lists, be taken back by the next beat, or be overruled by a protection threshold.
 */
export function encodeInstance(node: ServiceNode, how: EncodeContext): StoredInstance {
  return {
    ip: node.host,
    port: node.port,
    weight: node.status === "up" ? node.weight : 0,
    healthy: true,
    enabled: true,
    ephemeral: how.ephemeral,
    clusterName: how.cluster,
    metadata: toMetadata(node, { ...how, usualId: usualId(node) }),
  };
}

/** The id of a node that has none of its own. */
function usualId({ host, port }: Pick<ServiceNode, "host" | "port">): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function statusOf({ enabled, healthy }: Readonly<Record<string, unknown>>): NodeStatus {
  if (enabled === false) return "draining";
  return healthy === false ? "down" : "up";
}

function weightOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function withoutBrackets(host: string): string {
  return typeof host === "string" && host.startsWith("[") && host.endsWith("]")
    ? host.slice(1, -1)
    : host;
}
