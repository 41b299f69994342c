import type { EurekaStatus } from "./status.ts";

/** One of the two ports of an instance; out-of-range numbers are kept, as the real server does. */
export interface InstancePort {
  readonly number: number;
  readonly enabled: boolean;
}

/** Where an instance says it runs. */
export interface DataCenterInfo {
  readonly className: string;
  readonly name: string;
  /** Amazon only. */
  readonly metadata: ReadonlyMap<string, string> | undefined;
}

/** The optional text fields that are stored and given back untouched, in the order they are written. */
export const textFields = [
  "appGroupName",
  "homePageUrl",
  "statusPageUrl",
  "healthCheckUrl",
  "secureHealthCheckUrl",
  "vipAddress",
  "secureVipAddress",
] as const;

/** Name of an optional text field. */
export type TextField = (typeof textFields)[number];

/** What a client posted, checked and with the protocol's defaults; never changed, only replaced. */
export interface Instance {
  /** Absent when the client sent none; `id` is then its Amazon id or its host name. */
  readonly instanceId: string | undefined;
  readonly id: string;
  readonly hostName: string;
  /** In capitals. */
  readonly app: string;
  readonly ipAddr: string;
  readonly sid: string | undefined;
  readonly status: EurekaStatus;
  readonly overriddenStatus: EurekaStatus;
  readonly port: InstancePort;
  readonly securePort: InstancePort;
  readonly countryId: number;
  readonly dataCenterInfo: DataCenterInfo;
  readonly renewalIntervalSeconds: number;
  readonly durationSeconds: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly texts: Readonly<Partial<Record<TextField, string>>>;
  readonly isCoordinatingDiscoveryServer: boolean;
  /** Unix ms; the client's own clock, or ours when it sent none. */
  readonly lastDirtyMs: number;
  readonly asgName: string | undefined;
}
