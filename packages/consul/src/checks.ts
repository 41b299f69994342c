import type { NodeStatus } from "@rollcall/core";

import { isRecord } from "./record.ts";

/** What the checks of a record say together. */
export interface CheckedState {
  readonly status: NodeStatus;
  /** Up, but with the weight for warnings. */
  readonly isWarning: boolean;
}

/** Why a maintenance is ours: it tells a node that is not `up` by its owner's word. */
export const ownMaintenance = "rollcall: taken out of service by its owner";

const serviceMaintenance = "_service_maintenance:";
const nodeMaintenance = "_node_maintenance";

/** Id of the check that a maintenance of a service is. */
export function maintenanceCheckId(serviceId: string): string {
  return serviceMaintenance + serviceId;
}

/** Id of our own check on a record: for a heartbeat the one Consul itself would choose. */
export function ownCheckId(serviceId: string, type: "ttl" | "http" | "tcp"): string {
  return type === "ttl" ? `service:${serviceId}` : `service:${serviceId}:${type}`;
}

/**
 * The state of a record: maintenance, of the service or of the whole agent, is draining; otherwise the
 * worst check decides, those of the agent included; a record without checks is up.
 */
export function stateOf(checks: unknown, acceptWarning: boolean): CheckedState {
  let worst = 0;
  let isUnknown = false;
  for (const check of Array.isArray(checks) ? checks : []) {
    if (!isRecord(check)) continue;
    const { CheckID: id, Status: status } = check;
    if (
      status === "critical" &&
      typeof id === "string" &&
      (id === nodeMaintenance || id.startsWith(serviceMaintenance))
    ) {
      return { status: "draining", isWarning: false };
    }
    if (status === "critical") worst = 2;
    else if (status === "warning") worst = Math.max(worst, 1);
    else if (status !== "passing") isUnknown = true;
  }
  if (worst === 2) return { status: "down", isWarning: false };
  if (isUnknown) return { status: "unknown", isWarning: false };
  if (worst === 0) return { status: "up", isWarning: false };
  return acceptWarning ? { status: "up", isWarning: true } : { status: "down", isWarning: false };
}

/** The check of an id; undefined when there is none. */
export function checkOf(
  checks: unknown,
  id: string,
): Readonly<Record<string, unknown>> | undefined {
  if (!Array.isArray(checks)) return undefined;
  return checks.find((check) => isRecord(check) && check["CheckID"] === id) as
    | Record<string, unknown>
    | undefined;
}
