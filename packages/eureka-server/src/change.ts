import type { Lease } from "./lease.ts";
import type { EurekaStatus } from "./status.ts";

/**
 * What happened to a node.
 *
 * - `registered`: it was not there before.
 * - `updated`: it registered again, or its metadata was changed; its status is the same.
 * - `status`: its status changed, by a new registration or by an override.
 * - `left`: it deregistered.
 * - `expired`: it stopped sending heartbeats.
 */
export type EurekaChangeType = "registered" | "updated" | "status" | "left" | "expired";

/** One change of the registry; plain data, the receiver may keep it. */
export interface EurekaChange {
  readonly type: EurekaChangeType;
  /** Name of the service, in capitals. */
  readonly service: string;
  readonly id: string;
  /** `ipAddr` as registered; not checked. */
  readonly host: string;
  /** The secure port when it is enabled, else the plain one; as registered, so it may be out of range. */
  readonly port: number;
  /** The status that counts, overrides included; after `left` and `expired` the last one. */
  readonly status: EurekaStatus;
}

/** Describes a lease as a change. */
export function changeOf(type: EurekaChangeType, lease: Lease): EurekaChange {
  const { instance, status } = lease;
  return Object.freeze({
    type,
    service: instance.app,
    id: instance.id,
    host: instance.ipAddr,
    port: (instance.securePort.enabled ? instance.securePort : instance.port).number,
    status,
  });
}
