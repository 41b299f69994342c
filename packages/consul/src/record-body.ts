import { isIPv6 } from "node:net";

import type { ServiceNode } from "@rollcall/core";

import { checkOf, ownCheckId } from "./checks.ts";
import type { AgentRecord } from "./client.ts";
import { encodeWeight, recordId } from "./codec.ts";
import { metaTexts, tagTexts, writeMeta } from "./meta.ts";
import type { ResolvedCheck, ResolvedRegistration } from "./registration-options.ts";

/** What the agent is asked to register, in Consul's own terms. */
export interface RecordBody {
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Weights: { readonly Passing: number; readonly Warning: number };
  readonly EnableTagOverride: boolean;
  readonly Check: Readonly<Record<string, unknown>> & {
    readonly CheckID: string;
    readonly Notes: string;
    readonly Status: "passing" | "critical";
  };
}

/** What {@link encodeRecord} needs beside the node. */
export interface EncodeContext {
  readonly registration: ResolvedRegistration;
  /** Weight of a node of Consul's weight 1. */
  readonly weight: number;
  readonly owner: string;
  /** How long the check stays passing without a heartbeat, in ms. */
  readonly ttlMs: number;
  /** Whether a maintenance follows, before which the node must not be seen passing. */
  readonly isOut: boolean;
}

/** How a node is written. */
export function encodeRecord(node: ServiceNode, context: EncodeContext): RecordBody {
  const { registration, weight, owner, ttlMs, isOut } = context;
  const { passing, exact } = encodeWeight(node.weight, weight);
  const { meta, notes } = writeMeta(node, owner, exact);
  const id = recordId(node.service, node.id);
  const { check, deregisterAfterMs } = registration;
  return {
    ID: id,
    Name: node.service,
    Address: node.host,
    Port: node.port,
    Tags: registration.tags,
    Meta: meta,
    Weights: { Passing: passing, Warning: 1 },
    EnableTagOverride: registration.enableTagOverride,
    Check: {
      CheckID: ownCheckId(id, check?.type ?? "ttl"),
      Name: check === undefined ? "Heartbeat" : `${check.type.toUpperCase()} check`,
      Notes: notes,
      // A check that the agent has already keeps its state.
      Status: isOut ? "critical" : "passing",
      DeregisterCriticalServiceAfter: `${deregisterAfterMs}ms`,
      ...(check === undefined ? { TTL: `${Math.ceil(ttlMs)}ms` } : agentCheck(node, check)),
    },
  };
}

/** Whether the agent's record is what was registered. */
export function isWritten({ service, checks }: AgentRecord, body: RecordBody): boolean {
  const { Weights: weights } = service;
  const check = checkOf(checks, body.Check.CheckID);
  return (
    service["Service"] === body.Name &&
    service["Address"] === body.Address &&
    service["Port"] === body.Port &&
    isEqual(metaTexts(service["Meta"]), body.Meta) &&
    (body.EnableTagOverride || isEqual(tagTexts(service["Tags"]), body.Tags)) &&
    (weights as { Passing?: unknown } | undefined)?.Passing === body.Weights.Passing &&
    (check?.["Notes"] ?? "") === body.Check.Notes &&
    check !== undefined
  );
}

function agentCheck(
  { host, port, secure, hostname }: ServiceNode,
  check: ResolvedCheck,
): Record<string, unknown> {
  const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const times = { Interval: `${check.intervalMs}ms`, Timeout: `${check.timeoutMs}ms` };
  if (check.type === "tcp") return { TCP: address, ...times };
  const headers = Object.entries(check.headers).map(([name, value]) => [name, [value]]);
  return {
    HTTP: `http${secure ? "s" : ""}://${address}${check.path}`,
    Header: Object.fromEntries(headers) as Record<string, string[]>,
    TLSSkipVerify: check.skipVerify,
    ...(hostname === undefined ? {} : { TLSServerName: hostname }),
    ...times,
  };
}

function isEqual(a: object, b: object): boolean {
  const entries = Object.entries(a) as [string, unknown][];
  const others = new Map(Object.entries(b) as [string, unknown][]);
  return (
    entries.length === others.size && entries.every(([key, value]) => others.get(key) === value)
  );
}
