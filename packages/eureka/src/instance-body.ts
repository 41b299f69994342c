import { isIPv6 } from "node:net";

import type { ServiceNode } from "@rollcall/core";

import { appKey } from "./apps.ts";
import { keepsHostname, wireStatus } from "./codec.ts";
import { toMetadata } from "./metadata.ts";
import type { EurekaInstance } from "./options.ts";

/** What a registration adds to its node. */
export interface InstanceContext {
  readonly instance: EurekaInstance;
  readonly renewalIntervalMs: number;
  readonly durationMs: number;
  /** Written as the record's owner. */
  readonly owner: string;
}

/** The fields of a record whose change by others means that the record is no longer ours. */
export interface InstanceBody {
  readonly hostName: string;
  readonly ipAddr: string;
  readonly port: { readonly $: number; readonly "@enabled": string };
  readonly securePort: { readonly $: number; readonly "@enabled": string };
  readonly metadata: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** A node as the server stores it, without status and timestamps. */
export function encodeInstance(node: ServiceNode, context: InstanceContext): InstanceBody {
  const { instance, renewalIntervalMs, durationMs, owner } = context;
  const { host, port, secure, service } = node;
  const hostName = instance.hostName ?? node.hostname ?? host;
  const vipAddress = instance.vipAddress ?? service.toLowerCase();
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return {
    instanceId: node.id,
    app: appKey(service),
    hostName,
    ipAddr: host,
    vipAddress,
    secureVipAddress: instance.secureVipAddress ?? vipAddress,
    ...(instance.appGroupName === undefined ? {} : { appGroupName: instance.appGroupName }),
    // Exactly one port is open; the other has Eureka's own default number.
    port: { $: secure ? 80 : port, "@enabled": String(!secure) },
    securePort: { $: secure ? port : 443, "@enabled": String(secure) },
    homePageUrl: instance.homePageUrl ?? `${secure ? "https" : "http"}://${authority}/`,
    ...(instance.statusPageUrl === undefined ? {} : { statusPageUrl: instance.statusPageUrl }),
    ...(instance.healthCheckUrl === undefined ? {} : { healthCheckUrl: instance.healthCheckUrl }),
    countryId: 1,
    // The server finds the type of this object by its class name and refuses a record without.
    dataCenterInfo: {
      "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
      name: "MyOwn",
    },
    leaseInfo: {
      renewalIntervalInSecs: Math.max(1, Math.round(renewalIntervalMs / 1_000)),
      durationInSecs: Math.max(1, Math.ceil(durationMs / 1_000)),
    },
    metadata: toMetadata(node, owner, keepsHostname(node, hostName)),
  };
}

/** The body of a registration. */
export function registrationBody(
  body: InstanceBody,
  node: ServiceNode,
  override: string | undefined,
  lastDirtyMs: number,
): string {
  return JSON.stringify({
    instance: {
      ...body,
      status: wireStatus[node.status],
      // Taken over by the server when it knows of no other override of this id.
      overriddenStatus: override ?? "UNKNOWN",
      isCoordinatingDiscoveryServer: "false",
      lastDirtyTimestamp: String(lastDirtyMs),
    },
  });
}
