import { textFields, type InstancePort } from "./instance.ts";
import type { Lease } from "./lease.ts";

/** A JSON object of the protocol; keys stand in the order the real server writes them. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Writes a lease as the real server's JSON does, with its mixture of numbers and strings. */
export function instanceJson(lease: Lease): JsonObject {
  const { instance } = lease;
  const texts: Record<string, string | undefined> = {};
  for (const field of textFields) texts[field] = instance.texts[field];
  // JSON.stringify leaves out the undefined ones.
  return {
    instanceId: instance.instanceId,
    hostName: instance.hostName,
    app: instance.app,
    ipAddr: instance.ipAddr,
    sid: instance.sid,
    status: lease.status,
    overriddenStatus: lease.override ?? "UNKNOWN",
    port: portJson(instance.port),
    securePort: portJson(instance.securePort),
    countryId: instance.countryId,
    dataCenterInfo: {
      "@class": instance.dataCenterInfo.className,
      name: instance.dataCenterInfo.name,
      metadata:
        instance.dataCenterInfo.metadata && Object.fromEntries(instance.dataCenterInfo.metadata),
    },
    leaseInfo: {
      renewalIntervalInSecs: instance.renewalIntervalSeconds,
      durationInSecs: instance.durationSeconds,
      registrationTimestamp: lease.registeredUnixMs,
      lastRenewalTimestamp: lease.renewedUnixMs,
      evictionTimestamp: lease.evictedUnixMs,
      serviceUpTimestamp: lease.upUnixMs,
    },
    // Java's empty map, by which it is known on the wire.
    metadata:
      instance.metadata.size === 0
        ? { "@class": "java.util.Collections$EmptyMap" }
        : Object.fromEntries(instance.metadata),
    ...texts,
    isCoordinatingDiscoveryServer: String(instance.isCoordinatingDiscoveryServer),
    lastUpdatedTimestamp: String(lease.lastUpdatedUnixMs),
    lastDirtyTimestamp: String(lease.lastDirtyMs),
    actionType: lease.action,
    asgName: instance.asgName,
  };
}

function portJson(port: InstancePort): JsonObject {
  return { $: port.number, "@enabled": String(port.enabled) };
}
